"""Voiced spans: the stretches of a sound in which the voice detector hears somebody."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.media.true_runs import runs_of
from deepsound.types import Span

if TYPE_CHECKING:
    import numpy as np

WINDOW_S = 0.032  # 512 samples at 16 kHz: the one size silero-vad takes


@dataclass(frozen=True, eq=False)
class VoiceActivity:
    """`probabilities` float32 [windows] that a voice is heard in each successive window of `window_s` seconds."""

    probabilities: np.ndarray
    window_s: float = WINDOW_S


@dataclass(frozen=True)
class VoiceSettings:
    """When windows become a span; probabilities 0 to 1, lengths in seconds.

    A span is a run that stays above `keep`, reaches `start` somewhere and lasts `min_alone_s`, or `min_voice_s` where
    one that long is within `near_s`; spans closer than `max_gap_s` are one; `margin_s` is added on both sides for soft
    onsets and tails. Storm and music reach `start` for a window or two, a dog's bark for a quarter of a second, which
    is why the run's length matters more than its peak.
    """

    start: float = 0.5
    keep: float = 0.25
    min_voice_s: float = 0.2
    max_gap_s: float = 0.3
    margin_s: float = 0.1
    min_alone_s: float = 0.3
    near_s: float = 2.0


def spans_of(activity: VoiceActivity, duration_s: float, settings: VoiceSettings) -> tuple[Span, ...]:
    """Turn window probabilities into spans within [0, duration_s] by hysteresis, minimum length and merging."""
    merged: list[Span] = []
    for run in _voiced_runs(activity, settings):
        span = Span(max(run.start_s - settings.margin_s, 0.0), min(run.end_s + settings.margin_s, duration_s))
        if merged and span.start_s - merged[-1].end_s <= settings.max_gap_s - 2 * settings.margin_s:
            span = Span(merged.pop().start_s, span.end_s)
        merged.append(span)
    return tuple(merged)


def _voiced_runs(activity: VoiceActivity, settings: VoiceSettings) -> Iterator[Span]:
    """Runs of windows above `keep` that last long enough and rise above `start` somewhere."""
    runs = [
        Span(first * activity.window_s, last * activity.window_s)
        for first, last in runs_of(activity.probabilities >= settings.keep)
        if activity.probabilities[first:last].max() >= settings.start
    ]
    certain = [run for run in runs if run.duration_s >= settings.min_alone_s]
    starts_s = [run.start_s for run in certain]
    for run in runs:
        place = bisect(starts_s, run.start_s)
        near = any(gap_s(run, other) <= settings.near_s for other in certain[max(place - 1, 0) : place + 1])
        if run.duration_s >= (settings.min_voice_s if near else settings.min_alone_s):
            yield run


def gap_s(one: Span, other: Span) -> float:
    """The seconds from the end of one span to the beginning of the other; negative where they overlap."""
    return max(one.start_s, other.start_s) - min(one.end_s, other.end_s)
