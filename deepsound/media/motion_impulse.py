"""Motion impulses: sudden losses of momentum in the optical flow, which mark impacts.

The flow's momentum (blurred velocity) is carried along with what moves; what of it is gone one frame later is the
impulse. A ball in free fall keeps its momentum, one that bounces loses all of it and more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deepsound.media.lucas_kanade import lucas_kanade, warp
from deepsound.media.views import Frame, Timeline

if TYPE_CHECKING:
    import numpy as np

# Pixels per frame below which flow is codec noise, and the blur of the momentum field, at a long side of 96 pixels.
SLOWEST_PIXELS = 0.15
BLUR_PIXELS = 6.0
# Velocities are counted in pixels per 1/30 s, so that thresholds mean the same at every frame rate.
UNIT_S = 1.0 / 30.0
# A frame that differs by less from the one before is a repeat (24 fps carried in 30), unless another such follows.
REPEATED_LEVELS = 2.5
# Where so much of the picture is not explained by any motion, it is a cut.
UNEXPLAINED_LEVELS, CUT_SHARE = 25.0, 0.45


@dataclass(frozen=True)
class MotionImpulses:
    """Momentum and its losses, from frames of `long_side` pixels, about `fps` a second; a FrameConsumer.

    Result: ImpulseCurve.
    """

    long_side: int = 96
    fps: float = 30.0

    def start(self, timeline: Timeline) -> _ImpulseCollector:
        return _ImpulseCollector(self, timeline)


@dataclass(frozen=True, eq=False)
class ImpulseCurve:
    """At `times_s` [n] the momentum lost and the `momentum` before, mean over the picture, pixels per 1/30 s."""

    times_s: np.ndarray
    impulse: np.ndarray
    momentum: np.ndarray


@dataclass(frozen=True)
class ImpulsePeakRule:
    """When an impulse is an impact; tuned on rendered scenes whose impact times are known.

    It must be the highest of `alone_frames` on either side and reach `least`, `stand_out` times the usual (the
    `usual_percentile`) within `around_s`, `of_hardest` of the hardest within `nearby_s`, and `of_momentum` of the
    momentum just before.
    """

    least: float = 0.1
    alone_frames: int = 3
    stand_out: float = 2.0
    usual_percentile: float = 40.0
    around_s: float = 0.5
    of_hardest: float = 0.2
    nearby_s: float = 1.5
    of_momentum: float = 0.5


def impact_times_s(curve: ImpulseCurve, rule: ImpulsePeakRule = ImpulsePeakRule()) -> np.ndarray:
    """Times in seconds at which something visibly hits something, float64 [n]; none in a still picture."""
    import numpy as np

    times_s, impulse = curve.times_s, curve.impulse
    found: list[float] = []
    for index in np.flatnonzero(impulse >= rule.least):
        time_s, value = times_s[index], impulse[index]
        beside = impulse[max(index - rule.alone_frames, 0) : index + rule.alone_frames + 1]
        around = impulse[slice(*np.searchsorted(times_s, [time_s - rule.around_s, time_s + rule.around_s]))]
        nearby = impulse[slice(*np.searchsorted(times_s, [time_s - rule.nearby_s, time_s + rule.nearby_s]))]
        least = max(
            beside.max(),
            rule.stand_out * np.percentile(around, rule.usual_percentile),
            rule.of_hardest * nearby.max(),
            rule.of_momentum * curve.momentum[max(index - 2, 0) : index + 1].max(),
        )
        if value >= least and not (found and found[-1] == time_s):
            found.append(float(time_s))
    return np.array(found, np.float64)


@dataclass(frozen=True)
class _PreviousFrame:
    gray: np.ndarray
    time_s: float


@dataclass
class _ImpulseCollector:
    """Keeps the last frame and its momentum, and three numbers for each interval."""

    view: MotionImpulses
    timeline: Timeline
    _last: _PreviousFrame | None = None
    _repeat: _PreviousFrame | None = None
    _carried: np.ndarray | None = None
    _rows: list[tuple[float, float, float]] = field(default_factory=list)

    def see(self, frame: Frame) -> None:
        import numpy as np

        newest = self._repeat or self._last
        # Half a frame's slack keeps the rhythm of regular clips.
        gap_s = 1.0 / self.view.fps - 0.5 / max(self.timeline.fps, self.view.fps) - 1e-6
        if newest is not None and frame.time_s - newest.time_s < gap_s:
            return
        shown = _PreviousFrame(np.asarray(frame.gray(self.view.long_side), np.float32), frame.time_s)
        last, repeat = self._last, self._repeat
        if last is None or last.gray.shape != shown.gray.shape:
            self._begin(shown)
        elif repeat is None and _change(last.gray, shown.gray) < REPEATED_LEVELS:
            self._repeat = shown
        else:
            self._repeat = None
            # A single repeat is forgotten; a picture that stays still has really stopped.
            if repeat is not None and _change(repeat.gray, shown.gray) < REPEATED_LEVELS:
                last = self._step(last, repeat)
            self._step(last, shown)

    def result(self) -> ImpulseCurve:
        import numpy as np

        if self._last is not None and self._repeat is not None:
            self._step(self._last, self._repeat)
        times_s, impulse, momentum = np.array(self._rows, np.float64).reshape(-1, 3).T
        return ImpulseCurve(times_s, impulse, momentum)

    def _begin(self, shown: _PreviousFrame) -> None:
        self._last, self._repeat, self._carried = shown, None, None

    def _step(self, before: _PreviousFrame, after: _PreviousFrame) -> _PreviousFrame:
        import numpy as np

        flow = lucas_kanade(before.gray, after.gray)
        unexplained = _blurred_difference(before.gray, warp(after.gray, flow)) > UNEXPLAINED_LEVELS
        if unexplained.mean() > CUT_SHARE:
            self._begin(after)
            return after
        flow = flow - np.median(flow, axis=(1, 2), keepdims=True)
        momentum, course = _momentum(flow)
        momentum = momentum * (UNIT_S / (after.time_s - before.time_s))
        if self._carried is not None:
            carried = self._carried
            size = float(np.hypot(*carried).mean())
            self._rows.append((before.time_s, _momentum_loss(carried, momentum), size))
        self._carried = np.stack([warp(part, -course) for part in momentum])
        self._last = after
        return after


def _momentum(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The blurred velocity of what moves, and where it is heading in pixels, both [2, h, w]."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    def blur(field: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(field, BLUR_PIXELS, truncate=2.5))

    speed = np.hypot(flow[0], flow[1])
    moving = speed > SLOWEST_PIXELS
    weight = np.where(moving, speed, 0.0)
    course = np.stack([blur(part * weight) for part in flow]) / (blur(weight) + 1e-3)
    return np.stack([blur(part * moving) for part in flow]), course


def _momentum_loss(carried: np.ndarray, found: np.ndarray) -> float:
    """The impulse: the geometric mean of all change of momentum and of its loss along its own direction."""
    import numpy as np

    size = np.hypot(carried[0], carried[1])
    along = (carried * found).sum(axis=0) / np.maximum(size, 1e-6)
    loss = np.clip(size - along, 0.0, 2.0 * size).mean()
    change = np.hypot(*(found - carried)).mean()
    return float(np.sqrt(loss * change))


def _change(before: np.ndarray, after: np.ndarray) -> float:
    """The largest local difference between two frames in gray levels, codec noise blurred away."""
    return float(_blurred_difference(before, after).max())


def _blurred_difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    import numpy as np
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(np.abs(before - after), 5, mode="nearest"))
