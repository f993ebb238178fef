"""`deepsound train reasoner`: VideoLLaMA2's joint stage, or LoRA, on one's own data set."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.train.reasoner.recipe import ReasonerRecipe
    from deepsound.train.reasoner.run import ReasonerJob

DESCRIPTION = """\
Trains the reasoner on a data set of `deepsound train data` (or VideoLLaMA2's own JSON), from a published checkpoint.
By default it is the published joint stage: all but the vision tower learns, AdamW at 2e-5 with 3 % warm-up and a
cosine, 128 items a step. --lora RANK trains low-rank updates of the language model in place of its weights. DIR of
--out is then a checkpoint as published, which every command and node takes by --weights videollama2/av_cot=DIR. A run
that was stopped, however it was, goes on from its last checkpoint by the same command.

Several GPUs: torchrun --nproc_per_node 8 -m deepsound train reasoner ... (with --fsdp or --deepspeed FILE for models
that do not fit one), or --ray N for workers on a Ray cluster.
"""


def add_reasoner(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train reasoner` to the command line."""
    command = kinds.add_parser(
        "reasoner",
        help="train the reasoner on a data set",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    command.set_defaults(command=_reasoner)
    command.add_argument("data", metavar="DATA", help="the data set: a folder, or its .jsonl or .json file")
    command.add_argument("--base", required=True, metavar="DIR", help="the checkpoint to start from, or an adapter")
    command.add_argument("-o", "--out", required=True, metavar="DIR", help="where checkpoints and the result go")
    command.add_argument("--siglip", metavar="DIR", help="SigLIP's folder, for a base without its vision tower")
    command.add_argument(
        "--audio_tower", metavar="FILE", help="BEATs for a base without sound (VideoLLaMA2.1-7B-16F): audio_tower.bin"
    )
    command.add_argument("--audio_projector", metavar="FILE", help="and its projector: mm_projector_a.bin")
    _add_recipe(command)
    _add_data_options(command)
    _add_machines(command)
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def _add_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("--epochs", type=float, default=1.0, help="passes over the data (default: 1, as the paper)")
    command.add_argument("--max_steps", type=int, default=-1, help="stop after so many optimiser steps instead")
    command.add_argument("--batch", type=int, default=128, help="items per step, over all devices (default: 128)")
    command.add_argument("--per_device", type=int, default=4, help="items at once on each device (default: 4)")
    command.add_argument("--lr", type=float, default=2e-5, help="the learning rate (default: 2e-5)")
    command.add_argument(
        "--schedule",
        choices=("cosine", "constant"),
        default="cosine",
        help="the rate behind the warm-up: falling to zero as published (default), or constant",
    )
    command.add_argument(
        "--loss",
        choices=("plain", "paper"),
        default="plain",
        help="plain: cross entropy over all tokens, as the published trainer; paper: the sum of eq. 8's parts",
    )
    command.add_argument(
        "--weight", action="append", default=[], metavar="PART=W", help="weight of a part, such as reasoning_keywords=3"
    )
    command.add_argument("--lora", type=int, metavar="RANK", help="train LoRA of this rank on the language model")
    command.add_argument("--lora_alpha", type=float, help="LoRA's alpha (default: twice the rank)")
    command.add_argument("--lora_dropout", type=float, default=0.05, help="LoRA's dropout (default: 0.05)")
    command.add_argument(
        "--bits", type=int, choices=(4, 8), help="with --lora: the layers under it in so many bits (QLoRA; CUDA)"
    )
    command.add_argument("--adapter", action="store_true", help="with --lora: save the adapter alone, not merged")
    command.add_argument(
        "--parts",
        default="language,projectors,audio",
        help="what learns, of language, projectors and audio (default: all three)",
    )
    command.add_argument("--max_length", type=int, default=2048, help="tokens of text per item (default: 2048)")
    command.add_argument("--seed", type=int, default=42, help="of order, dropout and layer drop (default: 42)")
    command.add_argument(
        "--save_every", type=int, default=200, metavar="N", help="steps to a checkpoint (default: 200)"
    )
    command.add_argument(
        "--evaluate_every", type=int, default=200, metavar="STEPS", help="evaluate on the validation split each"
    )


def _add_data_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sound_data", metavar="DATA", help="a further data set, of which sound alone is given: one item in four"
    )
    command.add_argument("--picture_data", metavar="DATA", help="another, of which the picture alone is given")
    command.add_argument("--checked-only", "--checked_only", action="store_true", help="reviewed items alone")
    command.add_argument("--balance", action="store_true", help="repeat items of rarer categories")
    command.add_argument(
        "--voice_ratio",
        action="store_true",
        help="evaluate Table 3's ratio too: how much of the clips that are called voice-over is voice",
    )


def _add_machines(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cuda or cpu")
    command.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto", help="auto: bf16 where it is")
    command.add_argument(
        "--no_gradient_checkpointing", action="store_true", help="faster, for more memory than there mostly is"
    )
    command.add_argument("--fsdp", metavar="OPTIONS", help="transformers' fsdp option, such as 'full_shard auto_wrap'")
    command.add_argument("--deepspeed", metavar="FILE", help="a DeepSpeed configuration, such as ZeRO-2")
    command.add_argument("--ray", type=int, metavar="N", help="N workers on Ray (RAY_ADDRESS, else this machine)")


def _reasoner(options: argparse.Namespace) -> int:
    from deepsound.cli.evaluate import progress_on_stderr
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal, kept_when_cancelled
    from deepsound.train.reasoner.ray_workers import TrainingWorkers, train_on_ray
    from deepsound.train.reasoner.run import train_reasoner

    job = _job(options)
    is_first = os.environ.get("RANK", "0") == "0"
    with (
        cancel_on_signal() as token,
        kept_when_cancelled(job.out),
        progress_on_stderr(options.quiet or not is_first, token.check) as progress,
    ):
        if options.ray is not None:
            workers = TrainingWorkers(options.ray, gpu=options.device not in ("auto", "cpu"))
            report = train_on_ray(job, workers, progress.at("train"))
        else:
            report = train_reasoner(job, progress.at("train"))
    if is_first and options.json:
        print_json("reasoner_training", report)
    elif is_first and not options.quiet:
        print(f"{report['steps']} steps on {report['items']} items; {job.out} is the trained checkpoint")
    return 0


def _job(options: argparse.Namespace) -> ReasonerJob:
    from deepsound.train.reasoner.run import ReasonerJob

    return ReasonerJob(
        Path(expand(options.data)),
        Path(expand(options.base)),
        Path(expand(options.out)),
        _recipe(options),
        Path(expand(options.siglip)) if options.siglip else None,
        options.checked_only,
        options.balance,
        options.voice_ratio,
        _audio_files(options),
        Path(expand(options.sound_data)) if options.sound_data else None,
        Path(expand(options.picture_data)) if options.picture_data else None,
    )


def _audio_files(options: argparse.Namespace) -> tuple[Path, ...]:
    from deepsound.errors import InputError

    if bool(options.audio_tower) != bool(options.audio_projector):
        alone = options.audio_tower or options.audio_projector
        raise InputError(f"expected --audio_tower and --audio_projector, got {alone} alone; give both.")
    return tuple(Path(expand(file)) for file in (options.audio_tower, options.audio_projector) if file)


def _recipe(options: argparse.Namespace) -> ReasonerRecipe:
    from deepsound.errors import InputError
    from deepsound.train.cot_losses import CotLossSettings
    from deepsound.train.reasoner.recipe import LoraSettings, ReasonerRecipe

    if options.lora is None and (options.bits or options.adapter):
        raise InputError("expected --lora RANK with --bits and --adapter, got none; add it.")
    lora = None
    if options.lora is not None:
        alpha = 2.0 * options.lora if options.lora_alpha is None else options.lora_alpha
        lora = LoraSettings(options.lora, alpha, options.lora_dropout, options.bits)
    distribution: dict[str, Any] = {"fsdp": options.fsdp, "deepspeed": options.deepspeed}
    return ReasonerRecipe(
        epochs=options.epochs,
        max_steps=options.max_steps,
        batch=options.batch,
        per_device=options.per_device,
        learning_rate=options.lr,
        loss=CotLossSettings(options.loss, dict(map(_weight, options.weight))),
        lora=lora,
        parts=tuple(part.strip() for part in options.parts.split(",") if part.strip()),
        max_length=options.max_length,
        precision=options.precision,
        device=options.device,
        gradient_checkpointing=not options.no_gradient_checkpointing,
        save_every=options.save_every,
        evaluate_every=options.evaluate_every,
        seed=options.seed,
        adapter_only=options.adapter,
        schedule=options.schedule,
        trainer_options=tuple((name, value) for name, value in distribution.items() if value),
    )


def _weight(text: str) -> tuple[str, float]:
    from deepsound.errors import InputError

    part, _, number = text.partition("=")
    try:
        return part, float(number)
    except ValueError:
        raise InputError(f"expected PART=NUMBER for --weight, got {text!r}; correct it.") from None
