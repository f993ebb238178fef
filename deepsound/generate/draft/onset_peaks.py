"""Peak picking: onset probabilities of intervals to single impact times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.impact_network import OnsetScore

# Of two peaks closer than this the more probable one is kept.
CLOSEST_S = 0.09
# Over longer intervals motion says nothing about sudden changes.
LONGEST_INTERVAL_S = 0.16
# An impact spreads over three intervals, wherever in the middle one it lies: the sum of the network's targets there.
SPREAD = 1.5


@dataclass(frozen=True)
class Peak:
    """An impact at `time_s`, between frames, found with `confidence`, 0 to 1 and a little more."""

    time_s: float
    confidence: float


def onset_peaks(scores: Sequence[OnsetScore], threshold: float) -> tuple[Peak, ...]:
    """The local maxima of at least `threshold`, in order of time; each at the centroid of three intervals."""
    times = np.array([score.time_s for score in scores])
    values = np.array([score.probability if score.interval_s <= LONGEST_INTERVAL_S else 0.0 for score in scores])
    if not len(values):
        return ()
    # Beside a gap, a cut or the end stands nothing.
    near = np.diff(times) < 1.7 * np.array([score.interval_s for score in scores[1:]])
    left = np.concatenate([[0.0], np.where(near, values[:-1], 0.0)])
    right = np.concatenate([np.where(near, values[1:], 0.0), [0.0]])
    mass = left + values + right
    moments = right * np.append(np.diff(times), 0.0) - left * np.concatenate([[0.0], np.diff(times)])
    centres = times + moments / np.maximum(mass, 1e-9)
    is_peak = (values >= left) & (values >= right) & (mass >= threshold * SPREAD) & (values > 0)
    selected: list[float] = []
    peaks: list[Peak] = []
    for index in sorted(np.flatnonzero(is_peak), key=lambda place: -mass[place]):
        time_s = float(centres[index])
        first = bisect_left(selected, time_s - CLOSEST_S)
        if first == len(selected) or selected[first] > time_s + CLOSEST_S:
            insort(selected, time_s)
            peaks.append(Peak(time_s, float(mass[index]) / SPREAD))
    return tuple(sorted(peaks, key=lambda peak: peak.time_s))
