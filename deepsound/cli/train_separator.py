"""`deepsound train separator`: a separator on one's own voices and backgrounds."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.train.separator_tuning import SeparatorRecipe

DESCRIPTION = """\
Trains a separator on mixes of voices and backgrounds: sounds below two folders of yours, or this project's procedural
backgrounds. It starts from the embedded separator, from a published one, from a file, or from nothing, and learns whole
or by LoRA. A tenth of the files is held out for the report. The result, separator.safetensors, goes to every command
and node by --weights. A run that was stopped goes on from its last checkpoint by the same command; several GPUs by
torchrun -m deepsound train separator ...
"""


def add_separator(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train separator` to the command line."""
    command = kinds.add_parser(
        "separator",
        help="train a separator on voices and backgrounds",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    command.set_defaults(command=_separator)
    command.add_argument("voices", metavar="VOICES", help="the folder of voices, without background")
    command.add_argument("--backgrounds", metavar="DIR", help="backgrounds without voices (default: made here)")
    command.add_argument("-o", "--out", required=True, metavar="DIR", help="where checkpoints, result and report go")
    command.add_argument(
        "--base",
        default="bs_roformer_tiny",
        metavar="NAME",
        help="the separator to train, such as bs_roformer_tiny or bs_roformer (default: bs_roformer_tiny)",
    )
    command.add_argument("--weights", metavar="FILE", help="start from this file of it")
    command.add_argument("--from_nothing", action="store_true", help="start from weights of its own")
    command.add_argument("--loss", choices=("own", "paper"), default="own", help="own, or eq. 5 of the paper")
    command.add_argument("--lora", type=int, default=0, metavar="RANK", help="train LoRA of this rank instead")
    command.add_argument("--steps", type=int, default=2000, help="optimiser steps (default: 2000)")
    command.add_argument("--batch", type=int, default=4, help="mixes per step, over all devices (default: 4)")
    command.add_argument("--example_s", type=float, default=4.0, help="seconds of each mix (default: 4)")
    command.add_argument("--lr", type=float, default=1e-4, help="the learning rate (default: 1e-4)")
    command.add_argument("--precision", choices=("bf16", "fp32"), default="fp32", help="bf16: mixed precision")
    command.add_argument("--held_out", type=float, default=0.1, help="the share of files held out (default: 0.1)")
    command.add_argument("--seed", type=int, default=42, help="of mixes and of new weights (default: 42)")
    command.add_argument(
        "--save_every", type=int, default=100, metavar="N", help="steps to a checkpoint (default: 100)"
    )
    command.add_argument("--download", action="store_true", help="fetch the base's weights where they are missing")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def _separator(options: argparse.Namespace) -> int:
    from deepsound.cli.evaluate import progress_on_stderr
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal, kept_when_cancelled
    from deepsound.train.separator_run import SeparatorJob, train_separator

    job = SeparatorJob(
        options.base,
        Path(expand(options.voices)),
        Path(expand(options.backgrounds)) if options.backgrounds else None,
        Path(expand(options.out)),
        _recipe(options),
        Path(expand(options.weights)) if options.weights else None,
        options.from_nothing,
        options.held_out,
        options.download,
    )
    is_first = os.environ.get("RANK", "0") == "0"
    with (
        cancel_on_signal() as token,
        kept_when_cancelled(job.out),
        progress_on_stderr(options.quiet or not is_first, token.check) as progress,
    ):
        report = train_separator(job, progress)
    if is_first and options.json:
        print_json("separator_training", report)
    elif is_first and not options.quiet:
        print((job.out / "report.md").read_text(encoding="utf-8"), end="")
        print(f"use it with --weights {report['weights_id']}={report['file']}")
    return SOME_FAILED if report["left_out"] else 0


def _recipe(options: argparse.Namespace) -> SeparatorRecipe:
    from deepsound.errors import InputError
    from deepsound.train.separator_tuning import SeparatorRecipe

    if not 0 <= options.held_out < 1:
        raise InputError(f"expected a share of 0 or more and below 1 held out, got {options.held_out}; correct it.")
    return SeparatorRecipe(
        loss=options.loss,
        steps=options.steps,
        batch=options.batch,
        example_s=options.example_s,
        learning_rate=options.lr,
        lora_rank=options.lora,
        precision=options.precision,
        seed=options.seed,
        save_every=options.save_every,
    )
