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

    It must be the highest of `alone_frames` on either side and reach `least` and `stand_out` times the usual (the
    `usual_percentile`) within `around_s`. What is lost in it and the frames beside it, over which the flow of a fast
    blow is smeared, must reach `of_hardest` of the hardest within `nearby_s` and `of_momentum` of the largest momentum
    of the last `swing_s`: what slows down bit by bit hits nothing. Soon after, the momentum is at most `may_grow` times
    that before: what comes into the picture is seen with a start, too, and goes on growing.
    """

    least: float = 0.1
    alone_frames: int = 3
    stand_out: float = 2.0
    usual_percentile: float = 40.0
    around_s: float = 0.5
    of_hardest: float = 0.3
    nearby_s: float = 1.5
    of_momentum: float = 0.6
    swing_s: float = 0.2
    may_grow: float = 1.6


# Before an impact the momentum is looked at for so long, and in so much time after it, when a rebound has settled.
_BEFORE_S, _AFTER_S = 0.15, (0.1, 0.2)
# A frame that loses so much of the highest impulse still belongs to the blow, which is in the middle of them.
_STILL_OF_PEAK = 0.5


def impact_times_s(curve: ImpulseCurve, rule: ImpulsePeakRule = ImpulsePeakRule()) -> np.ndarray:
    """Times in seconds at which something visibly hits something, float64 [n]; none in a still picture."""
    import numpy as np

    found: list[float] = []
    lost = np.convolve(curve.impulse, np.ones(3), "same") if len(curve.impulse) > 2 else curve.impulse
    for index in map(int, np.flatnonzero(curve.impulse >= rule.least)):
        if _is_peak(curve, index, rule) and _is_blow(curve, lost, index, rule):
            time_s = _middle_s(curve, index)
            if not (found and found[-1] >= time_s):
                found.append(time_s)
    return np.array(found, np.float64)


def _is_peak(curve: ImpulseCurve, index: int, rule: ImpulsePeakRule) -> bool:
    """Whether the impulse is the highest around and stands out from the usual."""
    import numpy as np

    time_s, value = curve.times_s[index], curve.impulse[index]
    beside = curve.impulse[max(index - rule.alone_frames, 0) : index + rule.alone_frames + 1]
    around = curve.impulse[_within(curve, time_s - rule.around_s, time_s + rule.around_s)]
    return bool(value >= max(beside.max(), rule.stand_out * np.percentile(around, rule.usual_percentile)))


def _is_blow(curve: ImpulseCurve, lost: np.ndarray, index: int, rule: ImpulsePeakRule) -> bool:
    """Whether enough momentum is `lost` around a peak, all at once, and not made up for by more."""
    time_s, momentum = curve.times_s[index], curve.momentum
    nearby = lost[_within(curve, time_s - rule.nearby_s, time_s + rule.nearby_s)]
    swing = momentum[_within(curve, time_s - rule.swing_s, time_s).start : index + 1]
    if lost[index] < max(rule.of_hardest * nearby.max(), rule.of_momentum * swing.max()):
        return False
    before = momentum[_within(curve, time_s - _BEFORE_S, time_s)]
    after = momentum[_within(curve, time_s + _AFTER_S[0], time_s + _AFTER_S[1])]
    return not (before.size and after.size and after.mean() > rule.may_grow * before.mean())


def _middle_s(curve: ImpulseCurve, index: int) -> float:
    """The middle of the highest impulse and those after it that belong to the same blow."""
    last = index
    for later in range(index + 1, min(index + 3, len(curve.impulse))):
        if curve.impulse[later] < _STILL_OF_PEAK * curve.impulse[index]:
            break
        last = later
    return float(curve.times_s[index] + curve.times_s[last]) / 2


def _within(curve: ImpulseCurve, start_s: float, end_s: float) -> slice:
    import numpy as np

    first, last = np.searchsorted(curve.times_s, [start_s, end_s])
    return slice(int(first), int(last))


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
