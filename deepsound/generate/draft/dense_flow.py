"""Dense inverse search optical flow (DIS, arXiv 1603.03590): OpenCV's, else NumPy's.

Both work coarse to fine on overlapping 8 x 8 patches, each moved by inverse-compositional Gauss-Newton steps, and mix
the patches' shifts by how well they explain each pixel. OpenCV's fine one alone refines the result variationally.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from deepsound.errors import EngineError
from deepsound.media.opencv import find_opencv
from deepsound.media.pixels import resize, sobel

PATCH, STRIDE = 8, 4
ROUNDS, STEPS = 2, 12
# A patch that strays further than this from where it began found something else.
FARTHEST_PIXELS = 8.0
# Less texture than this cannot be followed in that direction (Tikhonov's term, per pixel, in squared levels).
DAMPING = 1.0
LEAST_SIDE = 12
_DIS = "DISOpticalFlow"


class DenseFlow:
    """Where each pixel of one frame has gone in the next: float32 [h, w, 2] in pixels, x then y.

    `fine` follows small things at half the picture's size; otherwise motion at a quarter of it is enough.
    """

    def __init__(self, fine: bool, opencv: bool | None = None) -> None:
        self._fine = fine
        self._is_opencv = opencv is not False and has_opencv_flow()
        # By size: OpenCV 4's reads what another size has left in its buffers.
        self._dis: dict[tuple[int, ...], Any] = {}
        if opencv and not self._is_opencv:
            raise EngineError("expected OpenCV with DISOpticalFlow, got none; install opencv-python-headless.")

    def measure(self, was: np.ndarray, now: np.ndarray, guess: np.ndarray | None = None) -> np.ndarray:
        """The flow between two uint8 [h, w]; `guess` is where the search begins."""
        if self._is_opencv:
            if was.shape not in self._dis:
                self._dis[was.shape] = _opencv_dis(self._fine)
            dis = self._dis[was.shape]
            return np.asarray(dis.calc(was, now, None if guess is None else guess.copy()))
        return _inverse_search(was, now, guess, finest=1 if self._fine else 2)


def has_opencv_flow() -> bool:
    """Whether flow is measured by OpenCV, not by this module."""
    return find_opencv(_DIS) is not None


def _opencv_dis(fine: bool) -> Any:
    cv2: Any = find_opencv(_DIS)
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST if fine else cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    if fine:
        dis.setFinestScale(1)
    return dis


def _inverse_search(was: np.ndarray, now: np.ndarray, guess: np.ndarray | None, finest: int) -> np.ndarray:
    height, width = was.shape
    levels = [(was.astype(np.float32), now.astype(np.float32))]
    while min(levels[-1][0].shape) >= 2 * LEAST_SIDE and len(levels) <= 2:
        size = levels[-1][0].shape[1] // 2, levels[-1][0].shape[0] // 2
        levels.append((resize(levels[-1][0], *size), resize(levels[-1][1], *size)))
    flow = np.zeros((height, width, 2), np.float32) if guess is None else guess
    for first, second in reversed(levels[min(finest, len(levels) - 1) :]):
        flow = _resize_flow(flow, first.shape[1], first.shape[0])
        search = _PatchSearch(first, second)
        flow = _densify(search, _patch_shifts(search, flow), first.shape)
    return _resize_flow(flow, width, height)


def _resize_flow(flow: np.ndarray, width: int, height: int) -> np.ndarray:
    """A flow for the same pictures in another size."""
    if flow.shape[:2] == (height, width):
        return flow
    factors = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return resize(flow, width, height) * factors


def _patch_shifts(search: _PatchSearch, flow: np.ndarray) -> np.ndarray:
    """Each patch's shift, float32 [rows, columns, 2], found from where `flow` puts its middle."""
    tops, lefts = _corners(flow.shape[0]), _corners(flow.shape[1])
    best = flow[tops[:, None] + PATCH // 2, lefts + PATCH // 2].reshape(-1, 2).astype(np.float32)
    every = np.arange(len(best))
    cost = _squared_norm(search.residual(every, best))
    for turn in range(ROUNDS):
        if turn:
            best, cost = _from_neighbours(search, best, cost, (len(tops), len(lefts)))
        _descend(search, best, cost)
    return best.reshape(len(tops), len(lefts), 2)


def _descend(search: _PatchSearch, best: np.ndarray, cost: np.ndarray) -> None:
    """Gauss-Newton steps, in place, for each patch for as long as they explain it better."""
    begin, active = best.copy(), np.arange(len(best))
    residual = search.residual(active, best)
    for _ in range(STEPS):
        trial = best[active] - search.step(active, residual)
        residual = search.residual(active, trial)
        trial_cost = _squared_norm(residual)
        better = (trial_cost < cost[active]) & (np.abs(trial - begin[active]).max(axis=1) < FARTHEST_PIXELS)
        active, residual = active[better], residual[better]
        best[active], cost[active] = trial[better], trial_cost[better]
        if not len(active):
            return


def _from_neighbours(
    search: _PatchSearch, best: np.ndarray, cost: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Each patch's shift, or that of a patch beside it where it explains the patch better."""
    padded = np.pad(best.reshape(*shape, 2), ((1, 1), (1, 1), (0, 0)), mode="edge")
    every = np.arange(len(best))
    for down, across in ((0, 1), (2, 1), (1, 0), (1, 2)):
        theirs = padded[down : down + shape[0], across : across + shape[1]].reshape(-1, 2)
        their_cost = _squared_norm(search.residual(every, theirs))
        better = their_cost < cost
        best, cost = np.where(better[:, None], theirs, best), np.where(better, their_cost, cost)
    return best, cost


class _PatchSearch:
    """The first picture's patches, with what a Gauss-Newton step needs of them, looked up in the second picture."""

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        height, width = first.shape
        self.inside = _inside(height, width)
        self._top, self._left = (part.astype(np.float32) for part in np.divmod(self.inside[:, 0], width))
        self.template = first.ravel()[self.inside]
        self._mean = self.template.mean(axis=1, keepdims=True)
        self._x, self._y = (_remove_mean((part / 8).ravel()[self.inside]) for part in sobel(first))
        xx, yy = (_squared_norm(part) + DAMPING * PATCH**2 for part in (self._x, self._y))
        xy = np.einsum("pi,pi->p", self._x, self._y)
        self._inverse = np.stack([yy, -xy, xx]) / (xx * yy - xy * xy)
        self._border = border = PATCH + 1
        padded = np.pad(second, border, mode="edge")
        self._flat, self._across = padded.ravel(), padded.shape[1]
        self._last = np.float32(height), np.float32(width)
        self._block = (np.arange(PATCH + 1)[:, None] * self._across + np.arange(PATCH + 1)).ravel()

    def residual(self, patches: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """The second picture at shifted `patches` less the first's, brightness taken out, float32 [patches, pixels]."""
        ys = np.clip(self._top[patches] + shifts[:, 1], -PATCH, self._last[0]) + self._border
        xs = np.clip(self._left[patches] + shifts[:, 0], -PATCH, self._last[1]) + self._border
        row, column = ys.astype(np.intp), xs.astype(np.intp)
        down, across = (ys - row).astype(np.float32), (xs - column).astype(np.float32)
        corner = row * self._across + column
        block = self._flat.take(corner[:, None] + self._block).reshape(-1, PATCH + 1, PATCH + 1)
        block = block[:, :, :-1] + (block[:, :, 1:] - block[:, :, :-1]) * across[:, None, None]
        block = block[:, :-1] + (block[:, 1:] - block[:, :-1]) * down[:, None, None]
        found = block.reshape(len(corner), -1)
        return found - self.template[patches] - (found.mean(axis=1, keepdims=True) - self._mean[patches])

    def step(self, patches: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """How far the patches lie beyond where they explain the picture best, to first order: [patches, 2]."""
        x, y = (np.einsum("pi,pi->p", part[patches], residual) for part in (self._x, self._y))
        yy, xy, xx = self._inverse[:, patches]
        return np.stack([yy * x + xy * y, xx * y + xy * x], axis=1).astype(np.float32)


def _densify(search: _PatchSearch, shifts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A shift for each pixel: the mean of the patches over it, weighted by how well each explains that pixel."""
    flat = shifts.reshape(-1, 2)
    weight = 1 / np.maximum(np.abs(search.residual(np.arange(len(flat)), flat)), 1)
    where, count = search.inside.ravel(), shape[0] * shape[1]
    total = np.bincount(where, weight.ravel(), count)
    parts = [np.bincount(where, (weight * flat[:, axis, None]).ravel(), count) / total for axis in (0, 1)]
    return np.stack(parts, axis=1).reshape(*shape, 2).astype(np.float32)


def _remove_mean(patches: np.ndarray) -> np.ndarray:
    return patches - patches.mean(axis=1, keepdims=True)


def _squared_norm(patches: np.ndarray) -> np.ndarray:
    """The sum of squares of each patch."""
    return np.einsum("pi,pi->p", patches, patches)


@lru_cache(maxsize=32)
def _inside(height: int, width: int) -> np.ndarray:
    """The pixels of each patch as places in the flattened picture, intp [patches, pixels]."""
    tops, lefts = np.meshgrid(_corners(height), _corners(width), indexing="ij")
    down, across = (part.ravel() for part in np.mgrid[:PATCH, :PATCH])
    return ((tops.reshape(-1, 1) + down) * width + lefts.reshape(-1, 1) + across).astype(np.intp)


@lru_cache(maxsize=32)
def _corners(side: int) -> np.ndarray:
    """Where patches begin along a side, so that every pixel lies in one."""
    corners = np.arange(0, max(side - PATCH, 0) + 1, STRIDE)
    return corners if corners[-1] == side - PATCH else np.append(corners, side - PATCH)
