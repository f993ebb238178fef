"""The 1 s windows that Seeing and Hearing encodes by ImageBind."""

from __future__ import annotations

import math
from fractions import Fraction

SAMPLE_RATE = 16000
WINDOW_S = 1

Window = tuple[Fraction, Fraction]


def window_count(duration_s: Fraction | float) -> int:
    """As many windows as seconds begin within the clip."""
    return max(1, math.ceil(duration_s))


def windows(duration_s: Fraction | float, count: int) -> list[Window]:
    """Start and end in seconds of `count` windows of 1 s; they overlap and leave the very end out, as published.

    Of a clip under a second there is one window, from its start to beyond its end.
    """
    spare = max(Fraction(duration_s) - WINDOW_S, Fraction(0))
    starts = [spare * index / count for index in range(count)]
    return [(start, start + WINDOW_S) for start in starts]


def sample_bounds(samples: int, count: int) -> list[tuple[int, int]]:
    """First and one-past-last sample of each window of a sound at 16 kHz."""
    spans = windows(Fraction(samples, SAMPLE_RATE), count)
    return [(int(start * SAMPLE_RATE), min(int(end * SAMPLE_RATE), samples)) for start, end in spans]


def frame_pairs(frames: int, fps: Fraction | float, count: int) -> list[tuple[int, int]]:
    """The first and the last frame of each window of a clip with so many frames: all that ImageBind is shown."""
    rate = Fraction(fps)
    pairs = []
    for start, end in windows(frames / rate, count):
        first = min(math.ceil(rate * start), frames - 1)
        pairs.append((first, max(min(math.ceil(rate * end), frames) - 1, first)))
    return pairs
