"""Inputs of the Pipeline node beyond the steps' own: saving, takes, loudness."""

from __future__ import annotations

from dataclasses import replace

from comfy_api.latest import io

from deepsound.choices import PICK_NAMES, PICKS, lines_of, option
from deepsound.media.formats import CONTAINER_CHOICES
from deepsound.media.length_policy import LENGTHS
from deepsound.mix.settings import LOUDNESS_TARGETS
from deepsound.outcome import Outcome
from deepsound.runtime.progress import Progress

from .run_inputs import advanced
from .schema import option_input, supported_kwargs

PREFIX = "DeepSound/video"
ALL_TAKES = "all takes"
KEEP_LOUDNESS = "keep"


def pick_input() -> io.Combo.Input:
    """Which of several takes are finished."""
    return io.Combo.Input(
        "pick",
        options=[ALL_TAKES, *PICK_NAMES],
        default=ALL_TAKES,
        tooltip="Of several takes, all go through the steps, or only the best by:\n" + lines_of(PICKS),
        **advanced(io.Combo.Input),
    )


def saving_inputs() -> list[io.Input]:
    """Whether and where the finished video is saved."""
    return [
        io.Boolean.Input(
            "save",
            default=True,
            optional=True,
            tooltip="Save the finished video in the output folder. Off: it is only played here.",
        ),
        io.String.Input(
            "filename_prefix",
            default=PREFIX,
            optional=True,
            tooltip="How the file's name begins, below the output folder; '/' makes a subfolder. Takes get numbers.",
        ),
        option_input("container", CONTAINER_CHOICES, "The kind of file.", **advanced(io.Combo.Input)),
        option_input(
            "length", LENGTHS, "Where sound and picture do not last equally long.", **advanced(io.Combo.Input)
        ),
    ]


def loudness_input() -> io.Combo.Input:
    """The final sound's loudness, by destination; as it is by default."""
    rows = sorted(LOUDNESS_TARGETS, key=lambda row: row.name != KEEP_LOUDNESS)
    labels = {row.name: row.label for row in rows}
    return io.Combo.Input(
        "loudness",
        options=list(labels),
        default=KEEP_LOUDNESS,
        tooltip=f"How loud the final sound is, true peak at most -1 dBTP.\n{lines_of(rows)}",
        **advanced(io.Combo.Input),
        **supported_kwargs(io.Combo.Input, extra_dict={"labels": labels}),
    )


def at_loudness(outcome: Outcome, loudness: str, progress: Progress) -> Outcome:
    """The outcome with its final sound at a destination's loudness; notes say where that is missed."""
    from deepsound.outputs.levels import final_levels

    target = option("loudness", loudness, LOUDNESS_TARGETS).lufs
    if target is None or outcome.final is None:
        return outcome
    levels = final_levels(outcome, target, progress)
    return replace(outcome, final=levels.final, notes=(*outcome.notes, *levels.notes))
