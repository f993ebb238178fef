"""Span lists on nodes: the inputs `scope` and `spans`, the output `segments`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from comfy_api.latest import io

from deepsound.choices import SCOPE_NAMES, SCOPES, lines_of, option
from deepsound.repair.plan import ACTIONS, parse_user_segments, plan_segments, resolve_undecided
from deepsound.repair.render import treated_spans
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment, dump_segments
from deepsound.types import Audio, Judgement, Span, Verdict

from . import judgement_view
from .notes import run_summary
from .run_inputs import BY_PRESET
from .schema import option_input, output, supported_kwargs

FORM = "Seconds as in '1.2-3.4, 5-6: rain', or the JSON of another node's segments."


def scope_input() -> io.Combo.Input:
    """Whether the whole sound is repaired, or its voiced spans."""
    return option_input("scope", SCOPES, "What is repaired.", optional=True)


def preset_scope_input() -> io.Combo.Input:
    """The same with the preset's choice in front."""
    return io.Combo.Input(
        "scope",
        options=[BY_PRESET, *SCOPE_NAMES],
        default=BY_PRESET,
        optional=True,
        tooltip=f"What is repaired; {BY_PRESET}: as the preset says, else {SCOPE_NAMES[0]}.\n{lines_of(SCOPES)}",
    )


def segments_input(tooltip: str, input_id: str = "spans", optional: bool = True) -> io.String.Input:
    """A span list, typed or from another node's output."""
    advanced = supported_kwargs(io.String.Input, advanced=True) if optional else {}
    return io.String.Input(
        input_id, default="", multiline=True, optional=optional, tooltip=f"{tooltip} {FORM}", **advanced
    )


def avoid_input() -> io.String.Input:
    """The spans in which the picture is not to lead a generator."""
    return segments_input(
        "Spans in which the picture is hidden from the generator, so that nobody seen speaks.", "avoid"
    )


def segments_output(per_take: bool = False) -> io.Output:
    """The span list as JSON."""
    tooltip = "The spans with verdict, action and why, as JSON: edit it and feed it back."
    return output(io.String, "segments", tooltip, per_take=per_take)


def segments_of(audio: Audio, text: str, scope: str, progress: Progress) -> tuple[Segment, ...]:
    """What is to be repaired of `audio`: the spans of `text`, or with an empty one the voiced spans or the whole."""
    given = parse_user_segments(text, audio.duration_s)
    if given is not None:
        return resolve_undecided(given, False)
    if not option("scope", scope, SCOPES).by_span:
        return (Segment(Span(0.0, audio.duration_s), Verdict.YES, "", "the scope is the clip"),)
    return plan_segments(audio, Judgement(Verdict.YES), True, progress=progress)


def spans_to_avoid(text: str, duration_s: float) -> tuple[Span, ...]:
    """The spans of a list that are not to be kept as they are."""
    return treated_spans(resolve_undecided(parse_user_segments(text, duration_s) or (), False))


def segments_view(segments: Iterable[Segment], actions: Sequence[str] = ACTIONS) -> dict[str, Any]:
    """What the panel's waveform shows of segments, and the actions that a person may choose for one, as plain JSON."""
    return {"segments": [segment.as_dict() for segment in segments], "actions": list(actions)}


def spans_ui(
    sounds: Sequence[Audio], lists: Sequence[Iterable[Segment]], actions: Sequence[str], progress: Progress
) -> dict[str, Any]:
    """A node's `ui`: each take's waveform with its segments, and the notes of the run."""
    rows: list[dict[str, Any]] = [
        {"sound": judgement_view.waveform_json(sound), **segments_view(segments, actions)}
        for sound, segments in zip(sounds, lists, strict=True)
    ]
    rows[0].update(run_summary(progress))
    return {"deepsound": rows}


def segments_json(segments: Iterable[Segment]) -> str:
    """The segments as the output's JSON."""
    return dump_segments(segments)
