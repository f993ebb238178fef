"""Frame consumers: what is needed of a clip's frames, served by one decoding pass.

A FrameConsumer is a frozen description (hashable: results are cached by it); `start` makes a FrameCollector, whose
`see` gets every frame of the clip's window once, in order of time. A collector that reduces as it goes leaves an
hour-long video as cheap in memory as a short one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Timeline:
    """What is known before the first frame: the window's `duration_s`, mean `fps`, and displayed size in pixels."""

    duration_s: float
    fps: float
    width: int
    height: int


class Frame(Protocol):
    """One displayed frame; `time_s` is counted from the start of the clip's window, never negative."""

    @property
    def time_s(self) -> float: ...

    def rgb(self, long_side: int) -> np.ndarray:
        """The upright picture, uint8 [height, width, 3], scaled down so that its longer side is `long_side` pixels."""

    def gray(self, long_side: int) -> np.ndarray:
        """The upright picture's luma, uint8 [height, width], scaled down likewise."""


class FrameCollector(Protocol[T_co]):
    """Gets each frame once and returns its result after the last.

    One whose attribute `done` is true needs no more frames: decoding stops when all collectors of a pass are done.
    """

    def see(self, frame: Frame) -> None: ...

    def result(self) -> T_co: ...


@runtime_checkable
class SupportsEarlyEnd(Protocol):
    """A collector that says when it has seen enough."""

    @property
    def done(self) -> bool: ...


def is_done(collector: object) -> bool:
    """Whether a collector needs no more frames; one that does not say wants them all."""
    return collector.done if isinstance(collector, SupportsEarlyEnd) else False


@runtime_checkable
class FrameConsumer(Protocol[T_co]):
    """A hashable description of what is needed of a clip's frames."""

    def start(self, timeline: Timeline) -> FrameCollector[T_co]: ...


@dataclass(frozen=True)
class Still:
    """One frame of a clip: `image` uint8 [height, width, 3] and the frame's `time_s` within the window."""

    image: np.ndarray
    time_s: float


@dataclass(frozen=True)
class UniformFrames:
    """`count` frames at the middles of equal parts of the window; a short clip repeats frames. Result: list[Still]."""

    count: int
    long_side: int

    def start(self, timeline: Timeline) -> FrameCollector[list[Still]]:
        step = timeline.duration_s / self.count
        return _FramesAtTimes([(index + 0.5) * step for index in range(self.count)], self.long_side)


@dataclass(frozen=True)
class RegularFrames:
    """`fps` frames of each second of the window; a video with fewer repeats its own. Result: list[Still]."""

    fps: float
    long_side: int

    def start(self, timeline: Timeline) -> FrameCollector[list[Still]]:
        count = max(int(timeline.duration_s * self.fps), 1)
        return _FramesAtTimes([(index + 0.5) / self.fps for index in range(count)], self.long_side)


class _FramesAtTimes:
    """Collects, for each wanted time, the frame on display then: the last one that began at or before it."""

    def __init__(self, times_s: list[float], long_side: int) -> None:
        self._wanted_s = times_s
        self._long_side = long_side
        self._shown: Frame | None = None
        self._stills: list[Still] = []

    def see(self, frame: Frame) -> None:
        if self._shown is not None:
            self._keep_until(frame.time_s)
        self._shown = frame

    def result(self) -> list[Still]:
        self._keep_until(float("inf"))
        return self._stills

    def _keep_until(self, next_time_s: float) -> None:
        due = len(self._stills)
        while due < len(self._wanted_s) and self._wanted_s[due] < next_time_s and self._shown is not None:
            self._stills.append(Still(self._shown.rgb(self._long_side), self._shown.time_s))
            due += 1


# Names up to 0.3.0, which plug-ins may import.
_MOVED = {"View": "FrameConsumer", "Watcher": "FrameCollector"}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"deepsound.media.views.{name} is now {_MOVED[name]}", DeprecationWarning, stacklevel=2)
    return globals()[_MOVED[name]]
