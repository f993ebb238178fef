"""Global camera motion estimation (translation, rotation, zoom) and image warping."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

TEXTURED_GRADIENT = 6.0
CLEAR_GRADIENT = 12.0
POINTS_STEP = 4
FEWEST_POINTS = 12
# With this share of textured points at rest the camera is at rest.
STILL_PIXELS = 0.3
STILL_SHARE = 0.3
BORDER = 0.2
ON_COURSE_PIXELS = 0.4


def camera_shift(gray: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The motion float32 [h, w, 2] in pixels that most textured points share: a turn, a zoom and a slide.

    Zero where the camera rests or the picture has too little texture to tell.
    """
    step = POINTS_STEP
    rows, columns = np.nonzero(gradient(gray)[::step, ::step] > TEXTURED_GRADIENT)
    points = np.stack([columns, rows], axis=1).astype(np.float32) * step
    travel = shift[rows * step, columns * step]
    at_rest = np.hypot(travel[:, 0], travel[:, 1]) < STILL_PIXELS
    if len(rows) < FEWEST_POINTS or at_rest.mean() > STILL_SHARE:
        return np.zeros_like(shift)
    matrix, inliers = cv2.estimateAffinePartial2D(points, points + travel, ransacReprojThreshold=0.5, maxIters=200)
    if matrix is None or not _covers_all_sides(points[inliers.ravel() > 0], gray.shape):
        return np.zeros_like(shift)
    xs, ys = pixel_grid(*gray.shape)
    turned = np.stack([xs, ys, np.ones_like(xs)], axis=-1) @ matrix.T.astype(np.float32)
    return turned - np.stack([xs, ys], axis=-1)


def steady_share(gray: np.ndarray, shift: np.ndarray, camera: np.ndarray) -> float:
    """The share, 0 to 1, of clearly textured pixels that move with the camera: how sure the frame of reference is."""
    clear = gradient(gray) > CLEAR_GRADIENT
    if clear.sum() < FEWEST_POINTS:
        return 0.0
    strayed = shift[clear] - camera[clear]
    return float((np.hypot(strayed[:, 0], strayed[:, 1]) < ON_COURSE_PIXELS).mean())


def gradient(gray: np.ndarray) -> np.ndarray:
    """How steep the smoothed picture is, float32 [h, w], in gray levels (Sobel)."""
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.0)
    return np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))


def warp(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """`image` looked up where each pixel has gone; outside the picture its border is repeated."""
    xs, ys = pixel_grid(*shift.shape[:2])
    return cv2.remap(image, xs + shift[..., 0], ys + shift[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The scalar product of two fields [h, w, 2], [h, w]; numpy is slow at sums over so short an axis."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The column and the row of each pixel, float32 [h, w]; shared, so not to be written to."""
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return xs, ys


def _covers_all_sides(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether points lie near at least three of the picture's sides: what a camera does shows there, objects rarely."""
    height, width = shape
    x, y = points[:, 0] / width, points[:, 1] / height
    sides = (x < BORDER, x > 1 - BORDER, y < BORDER, y > 1 - BORDER)
    return sum(int(side.sum()) >= 3 for side in sides) >= 3
