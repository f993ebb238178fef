"""Dense optical flow (DIS) of the foreground, compensated for camera motion.

Velocities are in long sides of the picture per second, so that thresholds mean the same at every size and frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.camera import camera_shift, dot, gradient, steady_share, warp
from deepsound.generate.draft.dense_flow import DenseFlow
from deepsound.generate.draft.foreground import Foreground
from deepsound.media.pixels import absdiff, box_blur, dilate, structure

UNEXPLAINED_LEVELS = 10.0
# After a cut everything differs, which is not noise.
NOISE_FACTOR, LOUDEST_NOISE_LEVELS = 3.0, 4.0
CUT_SHARE = 0.45
CHANGED_LEVELS = 6.0
PRESENT_LEVELS = 20
# Motion is believed only where it explains the change clearly better than rest does.
EXPLAINED = 0.85
PREDICTED_BETTER_LEVELS = 0.5
PREDICTABLE_PIXELS = 1.5
FASTER_THAN_REST_PIXELS = 0.7
# Along a straight edge nothing tells motion from rest: the smaller eigenvalue's share that makes an edge straight.
STRAIGHT = 0.25
STRAIGHT_WINDOW = 11


@dataclass(frozen=True)
class Flow:
    """Motion over one interval: `shift` [h, w, 2] in pixels, `velocity` [h, w, 2], `moving` [h, w] 0 or 1.

    `present`, [h, w] 0 or 1, is where foreground is, or is near, at the interval's end.

    `steady` is the share of texture that follows the camera, 0 to 1; `is_cut` says that nothing follows anything.
    """

    start_s: float
    end_s: float
    shift: np.ndarray
    velocity: np.ndarray
    moving: np.ndarray
    present: np.ndarray
    camera_speed: float
    steady: float
    is_cut: bool

    @property
    def interval_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def middle_s(self) -> float:
        return (self.start_s + self.end_s) / 2


class FlowMeter:
    """Measures flow from frame to frame, uint8 [h, w] of one size, in order of time."""

    def __init__(self) -> None:
        self._quick, self._fine = DenseFlow(fine=False), DenseFlow(fine=True)
        self.forget()

    def forget(self) -> None:
        """Start afresh: what follows is another scene."""
        self._foreground: Foreground | None = None
        self._painted = np.zeros((0, 0), np.uint8)
        self._last_shift: np.ndarray | None = None

    def measure(self, before: np.ndarray, after: np.ndarray, start_s: float, end_s: float) -> Flow:
        after = _match_brightness(before, after)
        if self._foreground is None:
            self._foreground, self._painted = Foreground(before), np.zeros_like(before)
        rough, slope = self._quick.measure(before, after), gradient(before)
        camera = camera_shift(slope, rough)
        previous, self._painted = self._painted, self._foreground.paint(before, after, camera, end_s - start_s)
        at_rest = _mismatch(previous, self._painted, camera)
        shift = self._shift(previous, self._painted, camera, at_rest)
        per_second = 1.0 / (max(before.shape) * (end_s - start_s))
        camera_speed = float(np.hypot(camera[..., 0], camera[..., 1]).mean()) * per_second
        return Flow(
            start_s,
            end_s,
            shift,
            (shift - camera) * per_second,
            moving=_dilate(at_rest > CHANGED_LEVELS) * (previous > PRESENT_LEVELS),
            present=_dilate(self._painted > PRESENT_LEVELS),
            camera_speed=camera_speed,
            steady=steady_share(slope, rough, camera),
            is_cut=_is_cut(before, after, rough, camera),
        )

    def _shift(self, previous: np.ndarray, current: np.ndarray, camera: np.ndarray, at_rest: np.ndarray) -> np.ndarray:
        """Where the foreground has gone, in pixels; a guess from the last flow keeps up with what is fast and thin.

        `at_rest` is the mismatch that the camera's motion alone leaves.
        """
        if max(previous.max(), current.max()) <= PRESENT_LEVELS:
            self._last_shift = None
            return camera
        shift = self._fine.measure(previous, current)
        mismatch = _mismatch(previous, current, shift)
        if self._last_shift is not None and np.abs(self._last_shift - camera).max() > PREDICTABLE_PIXELS:
            predicted = self._fine.measure(previous, current, _extrapolate(self._last_shift))
            predicted_mismatch = _mismatch(previous, current, predicted)
            better = predicted_mismatch < mismatch - PREDICTED_BETTER_LEVELS
            shift = np.where(better[..., None], predicted, shift)
            mismatch = np.minimum(mismatch, predicted_mismatch)
        reliable = mismatch < EXPLAINED * at_rest
        shift = np.where(reliable[..., None], shift, camera)
        self._last_shift = _normal_to_edges(previous, shift - camera) + camera
        return self._last_shift


def change(before: np.ndarray, after: np.ndarray) -> float:
    """The largest local difference between two frames in gray levels, codec noise blurred away."""
    return float(box_blur(absdiff(before, after), 5).max())


def _match_brightness(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """`after` with the mean of `before`: flicker and fades are no motion."""
    offset = float(before.mean()) - float(after.mean())
    if abs(offset) < 0.5:
        return after
    return np.clip(after.astype(np.float32) + offset, 0, 255).astype(np.uint8)


def _mismatch(previous: np.ndarray, current: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What `shift` leaves unexplained around each pixel, float32 [h, w] in gray levels."""
    return box_blur(absdiff(previous, warp(current, shift)), 5).astype(np.float32)


def _dilate(mask: np.ndarray) -> np.ndarray:
    return dilate(mask.astype(np.float32), 5)


def _is_cut(before: np.ndarray, after: np.ndarray, shift: np.ndarray, camera: np.ndarray) -> bool:
    noise = min(float(np.median(absdiff(before, warp(after, camera)))), LOUDEST_NOISE_LEVELS)
    unexplained = _mismatch(before, after, shift) > NOISE_FACTOR * noise + UNEXPLAINED_LEVELS
    return bool(unexplained.mean() > CUT_SHARE)


def _extrapolate(shift: np.ndarray) -> np.ndarray:
    """The guess that all goes on as it did: each moving pixel's shift, put where that pixel has arrived."""
    height, width = shift.shape[:2]
    speed = np.hypot(shift[..., 0], shift[..., 1])
    rows, columns = np.nonzero(speed > FASTER_THAN_REST_PIXELS)
    slow_to_fast = np.argsort(speed[rows, columns], kind="stable")
    rows, columns = rows[slow_to_fast], columns[slow_to_fast]
    travel = shift[rows, columns]
    to_rows = np.clip(np.rint(rows + travel[:, 1]).astype(int), 0, height - 1)
    to_columns = np.clip(np.rint(columns + travel[:, 0]).astype(int), 0, width - 1)
    arrived, hits = np.zeros_like(shift), np.zeros((height, width), np.float32)
    arrived[to_rows, to_columns], hits[to_rows, to_columns] = travel, 1.0
    density = box_blur(hits, 5)
    filled = box_blur(arrived, 5) / np.maximum(density, 1e-6)[..., None]
    return np.where((density > 0.1)[..., None], filled, np.float32(0))


def _normal_to_edges(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """`motion` without its part along straight edges, where a bar that rests and one that slides look the same."""
    tensor = structure(picture, STRAIGHT_WINDOW)
    straight = (tensor.smaller < STRAIGHT * tensor.larger) & ((motion[..., 0] != 0) | (motion[..., 1] != 0))
    across = tensor.across(straight)
    projected = motion.astype(np.float32)
    projected[straight] = dot(motion[straight], across)[..., None] * across
    return projected
