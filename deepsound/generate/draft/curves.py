"""Smooth motion envelopes over time that drive beds, whooshes and scrapes.

Every curve is smoothed so far that nothing made with it begins within less than 80 ms: none of it can pass for a hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from deepsound.generate.draft.noise import CURVE_RATE, Curve
from deepsound.generate.draft.score import FoleyScore

if TYPE_CHECKING:
    from deepsound.generate.draft.motion import Movement

# Half the length of the windows that levels are smoothed with, in seconds.
_BED_SMOOTHING_S = 0.6
_SWEEP_SMOOTHING_S = 0.16
# So many impacts within about this time, in seconds, make a clip one of hits.
_BUSY_IMPACTS = 2.5
_BUSY_WITHIN_S = 4.0


@dataclass(frozen=True)
class MotionCurves:
    """The movement as curves over time: how much all of it moves, how fast the fastest thing goes, and where.

    `flow` from 0 to 1 is large for steady motion of much of the picture; `rush` and `drag` from 0 to 1 tell how much
    fast translation and slow contact there is, and `busy` how much of a clip of hits this is around here; `speed` in
    long sides per second, `pan` from 0 to 1.
    """

    activity: Curve
    flow: Curve
    rush: Curve
    drag: Curve
    busy: Curve
    speed: Curve
    pan: Curve


def motion_curves(score: FoleyScore, least_drag_s: float) -> MotionCurves:
    """The score's movements, smoothed: beds follow over a second, whooshes and scrapes over a third of one.

    Slow contact that lasts less than `least_drag_s` seconds does not count.
    """
    grid_s = np.arange(int(score.duration_s * CURVE_RATE) + 2) / CURVE_RATE
    sampled = _MovementSampler(score.movements, grid_s)
    energy, area, speed = sampled("energy"), sampled("area"), sampled("top_speed")
    camera = sampled("camera_speed")
    # Movers all going one way drift as fast as they move; going every way, they hardly drift.
    steadiness = np.clip(np.hypot(sampled("drift_x"), sampled("drift_y")) * area / np.maximum(energy, 1e-6), 0, 1)
    moving = _ramp(area + 0.5 * np.minimum(camera, 0.3), 0.09, 0.22)
    # Motion that pauses is no flow: the least of the time around decides, then the edges are rounded.
    flow = _smooth(_local_minimum(_smooth(moving, 0.5), 0.8), 1.0)
    rush = _ramp(speed, 0.9, 3.0) * (0.3 + 0.7 * steadiness)
    # A whoosh is one thing passing a camera that stands still, not a whole picture in turmoil.
    rush = rush * (1 - _ramp(area, 0.10, 0.20)) * (1 - _ramp(camera, 0.1, 0.4))
    drag = _ramp(speed, 0.05, 0.2) * (1 - _ramp(speed, 0.6, 1.0)) * _ramp(steadiness, 0.6, 0.9) * (area < 0.12)
    return MotionCurves(
        activity=Curve(_smooth(_ramp(energy, 0.0, 0.15), _BED_SMOOTHING_S)),
        flow=Curve(flow),
        rush=Curve(_smooth(rush, _SWEEP_SMOOTHING_S)),
        drag=Curve(_smooth(_local_minimum(drag, least_drag_s / 2), _SWEEP_SMOOTHING_S)),
        busy=Curve(_busy(score, grid_s)),
        speed=Curve(_smooth(speed, _SWEEP_SMOOTHING_S)),
        pan=Curve(_smooth(sampled("x", 0.5), 0.25)),
    )


@dataclass
class _MovementSampler:
    """Reads one field of all movements on a regular grid; nothing moves before the first and after the last."""

    movements: Sequence[Movement]
    grid_s: np.ndarray
    _times_s: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._times_s = np.array([movement.time_s for movement in self.movements])

    def __call__(self, name: str, at_rest: float = 0.0) -> np.ndarray:
        if not len(self._times_s):
            return np.full(len(self.grid_s), at_rest)
        values = np.array([getattr(movement, name) for movement in self.movements], float)
        return np.interp(self.grid_s, self._times_s, np.nan_to_num(values))


def _busy(score: FoleyScore, grid_s: np.ndarray) -> np.ndarray:
    counts = np.zeros(len(grid_s))
    for impact in score.impacts:
        near = np.abs(grid_s - impact.time_s) < _BUSY_WITHIN_S
        counts[near] += np.cos(np.pi / 2 * (grid_s[near] - impact.time_s) / _BUSY_WITHIN_S) ** 2
    return np.minimum(counts / _BUSY_IMPACTS, 1)


def _ramp(values: np.ndarray, zero_at: float, one_at: float) -> np.ndarray:
    return np.clip((values - zero_at) / (one_at - zero_at), 0, 1)


def _smooth(values: np.ndarray, half_s: float) -> np.ndarray:
    half = max(round(half_s * CURVE_RATE), 1)
    window = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(values, half, mode="edge"), window / window.sum(), mode="valid")


def _local_minimum(values: np.ndarray, half_s: float) -> np.ndarray:
    half = round(half_s * CURVE_RATE)
    padded = np.pad(values, half, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).min(axis=-1))
