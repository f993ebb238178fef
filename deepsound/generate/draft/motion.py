"""Motion analysis of a clip as a frame consumer: movements, impact candidates, cuts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from deepsound.generate.draft.camera import bounding_box, length
from deepsound.generate.draft.impact_detection import ImpactCandidate, strongest_candidate
from deepsound.generate.draft.impact_network import OnsetScore, OnsetScorer, score_onsets
from deepsound.generate.draft.optical_flow import Flow, FlowMeter, change
from deepsound.media.pixels import box_blur
from deepsound.runtime.stages import Stages

if TYPE_CHECKING:
    from deepsound.media.views import Frame, Timeline

# A frame that differs by less from the one before is a repeat (24 fps carried in 30), unless more such follow.
REPEATED_FRAME_LEVELS = 2.5
# Over longer intervals a path says nothing about sudden changes of its speed.
LONGEST_INTERVAL_S = 0.16
FLOWS_PER_CANDIDATE = 5
LEAST_SIDE_PIXELS = 32
BLUR_PIXELS = 7


@dataclass(frozen=True)
class Movement:
    """One interval between frames, `time_s` its middle: how much moves, where, and which way.

    `energy` is the mean speed over the picture and `top_speed` that of the fastest mover, in long sides per second;
    `area` the share of the picture that moves; `x`, `y` its middle, 0 to 1; `drift_x`, `drift_y` its mean velocity;
    `steady` the share of texture that follows the camera; `camera_speed` the camera's own.
    """

    time_s: float
    interval_s: float
    energy: float = 0.0
    top_speed: float = 0.0
    area: float = 0.0
    x: float = 0.5
    y: float = 0.5
    drift_x: float = 0.0
    drift_y: float = 0.0
    steady: float = 0.0
    camera_speed: float = 0.0


@dataclass(frozen=True)
class MotionTrack:
    """A clip's motion: a Movement per interval, an ImpactCandidate per five intervals in a row, times of cuts, and an
    OnsetScore per interval (none where no network scored them)."""

    duration_s: float
    movements: tuple[Movement, ...] = ()
    candidates: tuple[ImpactCandidate, ...] = ()
    cuts_s: tuple[float, ...] = ()
    onsets: tuple[OnsetScore, ...] = ()


@dataclass(frozen=True)
class Motion:
    """The view: frames `long_side` pixels large, about `analysed_fps` of them a second at most. Result: MotionTrack."""

    long_side: int = 160
    analysed_fps: float = 30.0

    def start(self, timeline: Timeline) -> MotionCollector:
        return MotionCollector(self, timeline)


@dataclass(frozen=True)
class _GrayFrame:
    gray: np.ndarray
    time_s: float


@dataclass
class _FlowReader:
    """Reads movements, candidates and scores from flows, each scene's in order; keeps the last flows."""

    scorer: OnsetScorer
    movements: list[Movement] = field(default_factory=list)
    candidates: list[ImpactCandidate] = field(default_factory=list)
    _flows: list[Flow] = field(default_factory=list)

    def add(self, flow: Flow) -> None:
        """The scene's next flow; a cut's, which shows no motion, is passed over."""
        if flow.is_cut:
            return
        self.movements.append(describe(flow))
        self.scorer.add(flow, self.movements[-1])
        self._flows = [*self._flows[1 - FLOWS_PER_CANDIDATE :], flow]
        if len(self._flows) == FLOWS_PER_CANDIDATE:
            self._detect_candidate(self._flows, steps_ago=2)

    def end_scene(self) -> None:
        self._flows.clear()
        self.scorer.end_scene()

    def end(self) -> None:
        """After the last flow, as if motion went on as in it."""
        if len(self._flows) >= FLOWS_PER_CANDIDATE - 1:
            self._detect_candidate([*self._flows[1 - FLOWS_PER_CANDIDATE :], self._flows[-1]], steps_ago=1)
        self.end_scene()

    def _detect_candidate(self, flows: list[Flow], steps_ago: int) -> None:
        if all(flow.interval_s <= LONGEST_INTERVAL_S for flow in flows):
            self.candidates.append(strongest_candidate(flows))
            self.scorer.add_candidate(self.candidates[-1], steps_ago)


@dataclass
class MotionCollector:
    """Keeps the last frames and flows, and a few numbers for each frame seen.

    Frames are compared as they come; the foreground's flow follows in a thread, since OpenCV and NumPy let others run
    while they compute, and is read where the frames come. All is done in order: the result is that of one thread.
    """

    view: Motion
    timeline: Timeline
    _meter: FlowMeter = field(default_factory=FlowMeter)
    _scorer: OnsetScorer = field(default_factory=lambda: OnsetScorer(score_onsets))
    _last: _GrayFrame | None = None
    _repeat: _GrayFrame | None = None
    _cuts_s: list[float] = field(default_factory=list)
    _reader: _FlowReader = field(init=False)
    _stages: Stages = field(init=False)

    def __post_init__(self) -> None:
        self._reader = _FlowReader(self._scorer)
        self._stages = Stages(self._meter.flow_of, self._reader.add)

    def see(self, frame: Frame) -> None:
        newest = self._repeat or self._last
        if newest is not None and frame.time_s - newest.time_s < self._least_gap_s():
            return
        newest_frame = _GrayFrame(_large_enough(frame.gray(self.view.long_side)), frame.time_s)
        last, repeat = self._last, self._repeat
        if last is None or last.gray.shape != newest_frame.gray.shape:
            self._begin(newest_frame)
        elif repeat is None and change(last.gray, newest_frame.gray) < REPEATED_FRAME_LEVELS:
            self._repeat = newest_frame
        else:
            self._repeat = None
            # A single repeat is forgotten; a picture that stays still has really stopped.
            if repeat is not None and change(repeat.gray, newest_frame.gray) < REPEATED_FRAME_LEVELS:
                last = self._step(last, repeat)
            self._step(last, newest_frame)

    def result(self) -> MotionTrack:
        if self._last is not None and self._repeat is not None:
            self._step(self._last, self._repeat)
        self._stages.drain()
        self._reader.end()
        return MotionTrack(
            self.timeline.duration_s,
            tuple(self._reader.movements),
            tuple(self._reader.candidates),
            tuple(self._cuts_s),
            tuple(self._scorer.scores),
        )

    def _least_gap_s(self) -> float:
        """Frames closer than this are passed over; half a frame's slack keeps the rhythm of regular clips."""
        return 1.0 / self.view.analysed_fps - 0.5 / max(self.timeline.fps, self.view.analysed_fps) - 1e-6

    def _begin(self, newest_frame: _GrayFrame) -> None:
        self._stages.drain()
        self._last, self._repeat = newest_frame, None
        self._meter.forget()
        self._reader.end_scene()

    def _step(self, before: _GrayFrame, after: _GrayFrame) -> _GrayFrame:
        interval = self._meter.compare(before.gray, after.gray, before.time_s, after.time_s)
        self._stages.put(interval)
        if interval.is_cut:
            self._cuts_s.append(after.time_s)
            self._begin(after)
        else:
            self._last = after
        return after


def _large_enough(gray: np.ndarray) -> np.ndarray:
    """Tiny and very narrow pictures with their border repeated, as the flow needs some room."""
    missing = [max(LEAST_SIDE_PIXELS - side, 0) for side in gray.shape]
    if not any(missing):
        return gray
    return np.pad(gray, ((0, missing[0]), (0, missing[1])), mode="edge")


def describe(flow: Flow) -> Movement:
    """One interval's flow in a few numbers."""
    still = Movement(flow.middle_s, flow.interval_s, steady=flow.steady, camera_speed=flow.camera_speed)
    if not flow.moving.any():
        return still
    box = bounding_box(flow.moving, margin=BLUR_PIXELS)
    velocity, moving = flow.velocity[box], flow.moving[box]
    weight = (moving * length(velocity)).astype(np.float32)
    total = float(weight.sum())
    if total <= 1e-6:
        return still
    height, width = flow.moving.shape
    rows, columns = (side.start + np.arange(size) for side, size in zip(box, weight.shape, strict=True))
    count = float(moving.sum())
    drift = np.tensordot(moving, velocity, axes=2) / max(count, 1.0)
    return Movement(
        time_s=flow.middle_s,
        interval_s=flow.interval_s,
        energy=total / flow.moving.size,
        top_speed=float(box_blur(weight, BLUR_PIXELS).max()),
        area=count / flow.moving.size,
        x=float(weight.sum(axis=0) @ columns) / total / max(width - 1, 1),
        y=float(weight.sum(axis=1) @ rows) / total / max(height - 1, 1),
        drift_x=float(drift[0]),
        drift_y=float(drift[1]),
        steady=flow.steady,
        camera_speed=flow.camera_speed,
    )
