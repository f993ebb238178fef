"""Rendered impact tracks: a burst of decaying noise at each known time over a soft bed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from deepsound.types import Audio

RATE = 44100


def hits(times_s: Iterable[float], duration_s: float, level: float = 0.5, bed: float = 0.002) -> Audio:
    """Bursts that decay by 1/e in 50 ms, at `level`, in mono."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, bed, round(duration_s * RATE))
    for time_s in times_s:
        first = round(time_s * RATE)
        if 0 <= first < len(samples):
            length = min(round(0.3 * RATE), len(samples) - first)
            decay = np.exp(-np.arange(length) / (0.05 * RATE))
            samples[first : first + length] += level * decay * rng.standard_normal(length)
    return Audio.from_numpy(samples[None], RATE)
