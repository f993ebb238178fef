"""Which spans of a coarse sound are repaired: the voiced ones, each with a verdict and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepsound.errors import EngineError, InputError
from deepsound.fallback import FALLBACK_NAMES
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment, merge_spans, parse_segments
from deepsound.separate.voice_gate import gate_spans
from deepsound.types import Audio, Judgement, Span, Verdict

KEEP, REMOVE = "keep", "remove"
# What a segment's action may be; "" leaves it to the pipeline.
ACTIONS = (KEEP, REMOVE, *FALLBACK_NAMES)
# Records round times to a hundredth of a second; less than this past the end is no loss.
_NOTICED_S = 0.05

# A reasoner's verdicts on spans: (judgement on the clip, spans, duration in seconds) -> verdict and why for each.
SpanVerdicts = Callable[[Judgement, Sequence[Span], float], Sequence[tuple[Verdict, str]]]

_WHY = {
    Verdict.YES: "the clip's verdict is voice-over",
    Verdict.NO: "the clip's verdict is no voice-over",
    Verdict.UNDECIDED: "the clip's verdict is undecided",
}


def voiced_spans(audio: Audio, heard: Sequence[Span] = (), progress: Progress = Progress()) -> tuple[Span, ...]:
    """The reasoner's spans `heard` and the voice detector's, merged and padded, in order of time.

    Without the detector's package the reasoner's alone, which a note says. Raises InputError for NaN samples.
    """
    detected: tuple[Span, ...] = ()
    if audio.samples:
        try:
            detected = gate_spans(audio, progress)
        except EngineError as error:
            progress.note(f"The voice detector found no spans: {error}")
    return merge_spans((*heard, *detected), audio.duration_s)


def plan_segments(
    coarse: Audio,
    judgement: Judgement,
    is_voice_over: bool,
    span_verdicts: SpanVerdicts | None = None,
    progress: Progress = Progress(),
) -> tuple[Segment, ...]:
    """The voiced spans with a verdict each: the clip's own, or, where a reasoner can judge spans, one of their own.

    `is_voice_over` says what the clip's verdict counts as. A voice-over that nobody can locate is one segment of the
    whole clip; without voice-over and without verdicts on spans nothing is detected, what the reasoner heard is kept.
    """
    duration_s, heard = coarse.duration_s, judgement.voice_spans
    if span_verdicts is not None and heard:
        spans = voiced_spans(coarse, heard, progress)
        verdicts = span_verdicts(judgement, spans, duration_s)
        return tuple(Segment(span, verdict, "", why) for span, (verdict, why) in zip(spans, verdicts, strict=True))
    why = _WHY[judgement.verdict]
    if not is_voice_over:
        return tuple(Segment(span, judgement.verdict, "", why) for span in merge_spans(heard, duration_s))
    spans = voiced_spans(coarse, heard, progress)
    if not spans and coarse.samples:
        return (Segment(Span(0.0, duration_s), judgement.verdict, "", f"{why}, and no voiced span was located"),)
    return tuple(Segment(span, judgement.verdict, "", why) for span in spans)


def parse_user_segments(text: str, duration_s: float) -> tuple[Segment, ...] | None:
    """A person's span list for a clip of `duration_s` seconds, or None for an empty text, which means: find them.

    A list of no spans (`[]`) is one: nothing is repaired. Raises InputError as `parse_segments` does, and for an action
    that is none.
    """
    if not text.strip():
        return None
    segments = parse_segments(text, duration_s)
    for segment in segments:
        if segment.action and segment.action not in ACTIONS:
            raise InputError(
                f"The action of the span {segment.span} is {segment.action!r}; choose one of: {', '.join(ACTIONS)}."
            )
    return tuple(segment if segment.why else replace(segment, why="given") for segment in segments)


def spans_past_the_end(text: str, duration_s: float) -> tuple[str, ...]:
    """A sentence for each span of a person's list that ends after the clip, and is therefore cut to it."""
    given = parse_segments(text, math.inf) if text.strip() else ()
    return tuple(
        f"The span {segment.span} ends after the clip, which has {duration_s:.2f} s: it is cut to that."
        for segment in given
        if segment.span.end_s > duration_s + _NOTICED_S
    )


def is_treated(segment: Segment, undecided_is_voice: bool) -> bool:
    """Whether anything is done in a segment: its action says so, else its verdict."""
    if segment.action:
        return segment.action != KEEP
    return segment.verdict is Verdict.YES or (segment.verdict is Verdict.UNDECIDED and undecided_is_voice)


def resolve_undecided(segments: Sequence[Segment], undecided_is_voice: bool) -> tuple[Segment, ...]:
    """The segments with "keep" where nothing is to be done."""
    return tuple(
        segment if is_treated(segment, undecided_is_voice) else replace(segment, action=KEEP) for segment in segments
    )
