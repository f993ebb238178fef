"""Dense optical flow (DIS) of the foreground, compensated for camera motion.

Velocities are in long sides of the picture per second, so that thresholds mean the same at every size and frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.camera import (
    Box,
    bounding_box,
    camera_shift,
    choose,
    dot,
    gradient,
    is_rest,
    length,
    steady_share,
    warp,
)
from deepsound.generate.draft.dense_flow import DenseFlow
from deepsound.generate.draft.foreground import Foreground
from deepsound.media.pixels import absdiff, box_blur, dilate, mean_level, median_level, structure

UNEXPLAINED_LEVELS = 10.0
# After a cut everything differs, which is not noise.
NOISE_FACTOR, LOUDEST_NOISE_LEVELS = 3.0, 4.0
CUT_SHARE = 0.45
CHANGED_LEVELS = 6.0
PRESENT_LEVELS = 20
# Motion is believed only where it explains the change clearly better than rest does.
EXPLAINED = 0.85
PREDICTED_BETTER_LEVELS = 0.5
# A guess is tried where the flow without one leaves more than this of something that changes. Of a hammer and drum
# sticks that keeps 99 % of the pixels in which the guess wins; what moves slowly and is large never has such.
UNPREDICTED_LEVELS = 12.0
PREDICTABLE_PIXELS = 1.5
FASTER_THAN_REST_PIXELS = 0.7
# Along a straight edge nothing tells motion from rest: the smaller eigenvalue's share that makes an edge straight.
STRAIGHT = 0.25
STRAIGHT_WINDOW = 11
# The fine flow looks at the foreground alone, with room around it, cut out on the grid of the coarsest level's patches
# and large enough to have as many levels as the whole picture; of more than this share of it, at all of it.
ROOM_PIXELS, GRID_PIXELS, LEAST_LONG_SIDE, LEAST_SHORT_SIDE, MOST_CUT_OUT = 12, 16, 96, 48, 0.7


@dataclass(frozen=True)
class Flow:
    """Motion over one interval: `shift` [h, w, 2] in pixels, `velocity` [h, w, 2], `moving` [h, w] 0 or 1.

    `present`, [h, w] 0 or 1, is where foreground is, or is near, at the interval's end; `change` [h, w] in gray levels
    what the camera's motion leaves unexplained.

    `steady` is the share of texture that follows the camera, 0 to 1; `is_cut` says that nothing follows anything.
    """

    start_s: float
    end_s: float
    shift: np.ndarray
    velocity: np.ndarray
    moving: np.ndarray
    present: np.ndarray
    change: np.ndarray
    camera_speed: float
    steady: float
    is_cut: bool

    @property
    def interval_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, eq=False)
class Interval:
    """What is known of two frames before their foreground's flow: `previous` and `painted`, uint8 [h, w], are their
    foregrounds, `at_rest` [h, w] the mismatch that the `camera`'s motion [h, w, 2] leaves; the rest as in Flow."""

    start_s: float
    end_s: float
    previous: np.ndarray
    painted: np.ndarray
    camera: np.ndarray
    at_rest: np.ndarray
    steady: float
    is_cut: bool


class FlowMeter:
    """Measures flow from frame to frame, uint8 [h, w] of one size, in order of time.

    `compare` and `flow_of` may run in two threads, each in order: neither reads what the other keeps.
    """

    def __init__(self) -> None:
        self._quick, self._fine = DenseFlow(fine=False), DenseFlow(fine=True)
        self.forget()

    def forget(self) -> None:
        """Start afresh: what follows is another scene."""
        self._foreground: Foreground | None = None
        self._painted = np.zeros((0, 0), np.uint8)
        self._last_shift: np.ndarray | None = None

    def measure(self, before: np.ndarray, after: np.ndarray, start_s: float, end_s: float) -> Flow:
        return self.flow_of(self.compare(before, after, start_s, end_s))

    def compare(self, before: np.ndarray, after: np.ndarray, start_s: float, end_s: float) -> Interval:
        """The first part of `measure`: camera, foreground, cut."""
        after = _match_brightness(before, after)
        if self._foreground is None:
            self._foreground, self._painted = Foreground(before), np.zeros_like(before)
        rough, slope = self._quick.measure(before, after), gradient(before)
        camera = camera_shift(slope, rough)
        previous, self._painted = self._painted, self._foreground.paint(before, after, camera, end_s - start_s)
        return Interval(
            start_s,
            end_s,
            previous,
            self._painted,
            camera,
            at_rest=_mismatch(previous, self._painted, camera),
            steady=steady_share(slope, rough, camera),
            is_cut=_is_cut(before, after, rough, camera),
        )

    def flow_of(self, interval: Interval) -> Flow:
        """The second part of `measure`: where the foreground has gone."""
        camera, at_rest, previous = interval.camera, interval.at_rest, interval.previous
        shift = self._shift(previous, interval.painted, camera, at_rest)
        per_second = 1.0 / (max(previous.shape) * (interval.end_s - interval.start_s))
        camera_speed = float(length(camera).mean()) * per_second if not is_rest(camera) else 0.0
        return Flow(
            interval.start_s,
            interval.end_s,
            shift,
            (shift - camera) * per_second,
            moving=_dilate(at_rest > CHANGED_LEVELS) * (previous > PRESENT_LEVELS),
            present=_dilate(interval.painted > PRESENT_LEVELS),
            change=at_rest,
            camera_speed=camera_speed,
            steady=interval.steady,
            is_cut=interval.is_cut,
        )

    def _shift(self, previous: np.ndarray, current: np.ndarray, camera: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
        """Where the foreground has gone, in pixels; a guess from the last flow keeps up with what is fast and thin.

        `at_rest` is the mismatch that the camera's motion alone leaves.
        """
        if max(previous.max(), current.max()) <= PRESENT_LEVELS:
            self._last_shift = None
            return camera
        box = _foreground_box(np.maximum(previous, current))
        shift = camera.copy()
        shift[box] = self._foreground_shift(
            previous[box].copy(), current[box].copy(), camera[box].copy(), at_rest[box].copy(), box
        )
        self._last_shift = shift
        return shift

    def _foreground_shift(
        self, previous: np.ndarray, current: np.ndarray, camera: np.ndarray, at_rest: np.ndarray, box: Box
    ) -> np.ndarray:
        """`_shift` in the cut-out `box`, which all given is of."""
        shift = self._fine.measure(previous, current)
        mismatch = _mismatch(previous, current, shift)
        last = None if self._last_shift is None else self._last_shift[box]
        is_left = bool(((mismatch > UNPREDICTED_LEVELS) & (at_rest > CHANGED_LEVELS)).any())
        if last is not None and is_left and np.abs(last - camera).max() > PREDICTABLE_PIXELS:
            predicted = self._fine.measure(previous, current, _extrapolate(last))
            predicted_mismatch = _mismatch(previous, current, predicted)
            better = predicted_mismatch < mismatch - PREDICTED_BETTER_LEVELS
            shift = choose(better, predicted, shift)
            mismatch = np.minimum(mismatch, predicted_mismatch)
        reliable = mismatch < EXPLAINED * at_rest
        shift = choose(reliable, shift, camera)
        return _normal_to_edges(previous, shift - camera) + camera


def _foreground_box(present: np.ndarray) -> Box:
    """The cut-out for the fine flow: where `present`, uint8 [h, w], is not 0."""
    found = bounding_box(present, ROOM_PIXELS)
    least = (
        (LEAST_SHORT_SIDE, LEAST_LONG_SIDE)
        if present.shape[1] >= present.shape[0]
        else (LEAST_LONG_SIDE, LEAST_SHORT_SIDE)
    )
    rows, columns = (_on_grid(*part) for part in zip(found, least, present.shape, strict=True))
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return (
        (rows, columns)
        if area <= MOST_CUT_OUT * present.size
        else (slice(0, present.shape[0]), slice(0, present.shape[1]))
    )


def _on_grid(part: slice, least: int, side: int) -> slice:
    """`part` of a side made at least so long, from and to multiples of the grid, as far as the side goes."""
    begin = part.start // GRID_PIXELS * GRID_PIXELS
    end = max(-(-part.stop // GRID_PIXELS) * GRID_PIXELS, begin + least)
    if end >= side:
        begin, end = min(begin, max((side - least) // GRID_PIXELS * GRID_PIXELS, 0)), side
    return slice(begin, end)


def change(before: np.ndarray, after: np.ndarray) -> float:
    """The largest local difference between two frames in gray levels, codec noise blurred away."""
    return float(box_blur(absdiff(before, after), 5).max())


def _match_brightness(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`after` with the mean of `before`: flicker and fades are no motion."""
    offset = mean_level(before) - mean_level(after)
    if abs(offset) < 0.5:
        return after
    return np.clip(after.astype(np.float32) + offset, 0, 255).astype(np.uint8)


def _mismatch(previous: np.ndarray, current: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What `shift` leaves unexplained around each pixel, float32 [h, w] in gray levels."""
    return box_blur(absdiff(previous, warp(current, shift)), 5).astype(np.float32)


def _dilate(mask: np.ndarray) -> np.ndarray:
    return dilate(mask.view(np.uint8), 5).astype(np.float32)


def _is_cut(before: np.ndarray, after: np.ndarray, shift: np.ndarray, camera: np.ndarray) -> bool:
    unexplained = box_blur(absdiff(before, warp(after, shift)), 5)
    if np.count_nonzero(unexplained > UNEXPLAINED_LEVELS) <= CUT_SHARE * unexplained.size:
        return False
    noise = min(median_level(absdiff(before, warp(after, camera))), LOUDEST_NOISE_LEVELS)
    return bool((unexplained > NOISE_FACTOR * noise + UNEXPLAINED_LEVELS).mean() > CUT_SHARE)


def _extrapolate(shift: np.ndarray) -> np.ndarray:
    """The guess that all goes on as it did: each moving pixel's shift, put where that pixel has arrived."""
    height, width = shift.shape[:2]
    pixels = _slow_to_fast(length(shift))
    rows, columns = np.divmod(pixels, width)
    travel = shift[rows, columns]
    to_rows = np.clip(np.rint(rows + travel[:, 1]).astype(int), 0, height - 1)
    to_columns = np.clip(np.rint(columns + travel[:, 0]).astype(int), 0, width - 1)
    arrived, hits = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
    arrived[to_rows, to_columns], hits[to_rows, to_columns] = travel, 1.0
    density = box_blur(hits, 5)
    filled = box_blur(arrived, 5) / np.maximum(density, 1e-6)[..., None]
    return choose(density > 0.1, filled, np.zeros_like(filled))


def _slow_to_fast(speed: np.ndarray) -> np.ndarray:
    """The pixels of `speed` float32 [h, w] that move, as places in the flattened picture, the fastest last.

    A stable argsort: the bits of a positive float are in its order, and the place below them makes each key another.
    """
    flat = speed.ravel()
    pixels = np.flatnonzero(flat > FASTER_THAN_REST_PIXELS)
    keys = (flat[pixels].view(np.uint32).astype(np.uint64) << np.uint64(32)) | pixels.astype(np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)


def _normal_to_edges(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """`motion` without its part along straight edges, where a bar that rests and one that slides look the same."""
    # Both components of a vector in one look.
    moves = (motion != 0).view(np.uint16)[..., 0] != 0
    if not moves.any():
        return motion
    # A window reaches no further than its half, a derivative a pixel more: beyond the box nothing is read.
    box = bounding_box(moves, margin=STRAIGHT_WINDOW // 2 + 1)
    tensor = structure(picture[box], STRAIGHT_WINDOW)
    straight = tensor.is_straight(STRAIGHT) & moves[box]
    across = tensor.across(straight)
    projected = motion.astype(np.float32)
    part = projected[box]
    part[straight] = dot(part[straight], across)[..., None] * across
    return projected
