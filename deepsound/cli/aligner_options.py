"""Options of the aligner of Seeing and Hearing, for `run`, `audio-to-video` and `joint`."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from deepsound.cli.option_types import MOST_INNER_STEPS, count, share, step_size

# The names of deepsound.generate.aligner.guide, whose import is too heavy for `--help`; a test compares them.
UPDATES = ("published", "paper")


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Add what the generator seeing_hearing is aligned by."""
    group = run.add_argument_group("the generator seeing_hearing")
    group.add_argument(
        "--align-rate",
        type=step_size,
        metavar="RATE",
        help="step size by the sound's latents; 0: AudioLDM alone (0.1 as published)",
    )
    add_guide_options(group)
    group.add_argument(
        "--tune-prompt", action="store_true", default=None, help="move the prompt's embedding too (default: not)"
    )


def add_guide_options(group: Any) -> None:
    """Add when and how often latents are updated, and the prompt's rate."""
    group.add_argument(
        "--align-warmup",
        type=share,
        metavar="SHARE",
        help="share of the steps, from the noisiest, that are not aligned (0.2 as published)",
    )
    group.add_argument(
        "--align-steps",
        type=partial(count, most=MOST_INNER_STEPS),
        metavar="N",
        help="updates after each step from noise (1 as published)",
    )
    group.add_argument(
        "--align-update",
        choices=UPDATES,
        help="published: sign steps, as the released code; paper: the gradient times the rate (default: published)",
    )
    group.add_argument(
        "--prompt-rate",
        type=step_size,
        metavar="RATE",
        help="step size by the prompt's embedding, which nobody published (default: 0.001)",
    )


def guide_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, by the names of the library."""
    given = {
        "warmup": options.align_warmup,
        "inner_steps": options.align_steps,
        "update": options.align_update,
        "prompt_rate": options.prompt_rate,
    }
    return {name: value for name, value in given.items() if value is not None}


def run_settings(options: argparse.Namespace) -> dict[str, object]:
    """The settings of seeing_hearing by its name; nothing where no flag was given."""
    from deepsound.generate.seeing_hearing.request import SeeingHearingSettings

    own = {"rate": options.align_rate, "tune_prompt": options.tune_prompt}
    given = guide_settings(options) | {name: value for name, value in own.items() if value is not None}
    return {"seeing_hearing": SeeingHearingSettings(**given)} if given else {}
