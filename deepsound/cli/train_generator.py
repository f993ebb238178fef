"""`deepsound train generator`: MMAudio on one's own clips, by LoRA or whole."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.cli.run_options import add_execution_options
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.train.generator.run import GeneratorJob

DESCRIPTION = """\
Trains MMAudio on the clips below a folder and their own sound, with MMAudio's flow-matching objective. Features are
extracted once, into the output folder. By default a LoRA of the flow network is trained: lora.safetensors goes to
`deepsound run --lora FILE=STRENGTH` and to the node MMAudio Generate. What a clip sounds like is said by captions.csv
(video, caption), by a .txt file beside the clip, or by --prompt for all. Watch held_out_loss in train_log.jsonl: where
it rises while loss falls, the run over-fits, and its last line says so; take fewer steps or a smaller rank. A run that
was stopped goes on by the same
command.
"""


def add_generator(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train generator` to the command line."""
    command = kinds.add_parser(
        "generator",
        help="train MMAudio on your clips",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    command.set_defaults(command=_generator, reasoner="", step0_model_dir=None, step2_model_dir=None)
    command.add_argument("clips", metavar="CLIPS", help="the folder of clips, each with the sound to learn")
    command.add_argument("-o", "--out", required=True, metavar="DIR", help="where features and the result go")
    command.add_argument(
        "--base",
        default="mmaudio_small_44k",
        metavar="NAME",
        help="the generator to train, one of mmaudio_* (default: mmaudio_small_44k)",
    )
    command.add_argument("--prompt", default="", help="what every clip sounds like that has no caption of its own")
    command.add_argument("--rank", type=int, default=32, help="the LoRA's rank (default: 32)")
    command.add_argument("--alpha", type=float, help="the LoRA's alpha (default: the rank)")
    command.add_argument("--full", action="store_true", help="train all weights instead of a LoRA")
    command.add_argument("--merged", action="store_true", help="write the LoRA merged into the weights too")
    command.add_argument("--steps", type=int, default=2000, help="optimiser steps (default: 2000)")
    command.add_argument("--batch", type=int, default=8, help="clips per step (default: 8)")
    command.add_argument("--lr", type=float, default=1e-4, help="the learning rate (default: 1e-4)")
    command.add_argument("--seconds", type=float, default=8.0, help="seconds of each clip (default: 8, as published)")
    command.add_argument("--held_out", type=float, default=0.1, help="the share of clips held out (default: 0.1)")
    command.add_argument("--seed", type=int, default=14159265, help="of draws and order (default: the published one)")
    command.add_argument("--save_every", type=int, default=200, metavar="N", help="steps per checkpoint (default: 200)")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")
    add_execution_options(command)


def _generator(options: argparse.Namespace) -> int:
    from deepsound.cli.evaluate import progress_on_stderr
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal, kept_when_cancelled
    from deepsound.train.generator.run import train_generator

    job = _job(options)
    with (
        cancel_on_signal() as token,
        kept_when_cancelled(job.out),
        progress_on_stderr(options.quiet, token.check) as progress,
    ):
        report = train_generator(job, progress)
    if options.json:
        print_json("generator_training", report)
    elif not options.quiet:
        print(f"{report['steps']} steps on {report['clips']} clips; {report['file']} is the result")
        if report["over_fitting"]:
            print(report["over_fitting"])
    return SOME_FAILED if report["left_out"] else 0


def _job(options: argparse.Namespace) -> GeneratorJob:
    from dataclasses import replace

    from deepsound.cli.run import execution_of
    from deepsound.errors import InputError
    from deepsound.models.mmaudio.config import VARIANTS
    from deepsound.train.generator.run import GeneratorJob, GeneratorRecipe

    variant = options.base.removeprefix("mmaudio_")
    if variant not in VARIANTS:
        names = ", ".join(f"mmaudio_{name}" for name in VARIANTS)
        raise InputError(f"expected one of {names} as --base, got {options.base!r}; choose one.")
    rank = 0 if options.full else options.rank
    recipe = GeneratorRecipe(
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.lr,
        rank=rank,
        alpha=float(max(rank, 1)) if options.alpha is None else options.alpha,
        held_out=options.held_out,
        seconds=options.seconds,
        seed=options.seed,
        save_every=options.save_every,
        validate_every=options.save_every,
    )
    # Features are extracted, and weights trained, in float32; on CUDA the forward pass is autocast to bfloat16.
    execution = replace(execution_of(options), precision="fp32")
    clips, out = Path(expand(options.clips)), Path(expand(options.out))
    return GeneratorJob(variant, clips, out, recipe, options.prompt, execution, options.merged)
