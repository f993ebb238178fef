"""Global camera motion estimation (translation, rotation, zoom) and image warping."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from deepsound.media.opencv import find_opencv
from deepsound.media.pixels import gaussian_blur, sample_at, sobel

# Rows and columns of a part of a picture.
Box = tuple[slice, slice]

TEXTURED_GRADIENT = 6.0
CLEAR_GRADIENT = 12.0
POINTS_STEP = 4
FEWEST_POINTS = 12
# With this share of textured points at rest the camera is at rest.
STILL_PIXELS = 0.3
STILL_SHARE = 0.3
BORDER = 0.2
ON_COURSE_PIXELS = 0.4
# RANSAC: points this near follow the camera; draws go on until one of two such points was made, or long enough.
FOLLOWS_PIXELS = 0.5
DRAWS_AT_ONCE, MOST_DRAWS, CONFIDENCE = 20, 200, 0.99


def camera_shift(slope: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The motion float32 [h, w, 2] in pixels that most textured points share: a turn, a zoom and a slide.

    Zero where the camera rests or the picture, whose `gradient` is `slope`, has too little texture to tell.
    """
    step = POINTS_STEP
    rows, columns = np.nonzero(slope[::step, ::step] > TEXTURED_GRADIENT)
    points = np.stack([columns, rows], axis=1).astype(np.float32) * step
    travel = shift[rows * step, columns * step]
    at_rest = np.hypot(travel[:, 0], travel[:, 1]) < STILL_PIXELS
    if len(rows) < FEWEST_POINTS or at_rest.mean() > STILL_SHARE:
        return rest(*slope.shape)
    similarity, inliers = common_similarity(points, points + travel)
    if not _covers_all_sides(points[inliers], slope.shape):
        return rest(*slope.shape)
    xs, ys = np.moveaxis(pixel_grid(*slope.shape), -1, 0)
    (turn_x, turn_y), (slide_x, slide_y) = similarity
    across = turn_x * xs - turn_y * ys + slide_x - xs
    down = turn_y * xs + turn_x * ys + slide_y - ys
    return np.stack([across, down], axis=-1).astype(np.float32)


def common_similarity(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turn, zoom and slide that most points [n, 2] share (RANSAC), and which points [n] follow it.

    As rows (a, b) and (c, d): x goes to a x - b y + c, and y to b x + a y + d.
    """
    was, now = (points[:, 0] + 1j * points[:, 1] for points in (before, after))
    draws = np.random.default_rng(0)
    follows = np.zeros(len(was), bool)
    for tried in range(DRAWS_AT_ONCE, MOST_DRAWS + 1, DRAWS_AT_ONCE):
        one, other = draws.integers(0, len(was), (2, DRAWS_AT_ONCE))
        one, other = one[was[one] != was[other]], other[was[one] != was[other]]
        turns = (now[other] - now[one]) / (was[other] - was[one])
        slides = now[one] - turns * was[one]
        near = np.abs(turns[:, None] * was + slides[:, None] - now) < FOLLOWS_PIXELS
        best = near[int(np.argmax(near.sum(axis=1)))] if len(near) else follows
        follows = best if best.sum() > follows.sum() else follows
        if 1 - (1 - follows.mean() ** 2) ** tried > CONFIDENCE:
            break
    # The least squares of those that follow: a similarity is linear in complex numbers.
    middle, to = was[follows].mean(), now[follows].mean()
    spread = (np.abs(was[follows] - middle) ** 2).sum()
    turn = (np.conj(was[follows] - middle) * (now[follows] - to)).sum() / max(spread, 1e-9)
    slide = to - turn * middle
    return np.array([[turn.real, turn.imag], [slide.real, slide.imag]]), follows


def steady_share(slope: np.ndarray, shift: np.ndarray, camera: np.ndarray) -> float:
    """The share, 0 to 1, of clearly textured pixels that move with the camera: how sure the frame of reference is.

    `slope` is the picture's `gradient`.
    """
    clear = slope > CLEAR_GRADIENT
    points = np.count_nonzero(clear)
    if points < FEWEST_POINTS:
        return 0.0
    strayed = shift if is_rest(camera) else shift - camera
    return float(np.count_nonzero(clear & (dot(strayed, strayed) < ON_COURSE_PIXELS**2)) / points)


def gradient(gray: np.ndarray) -> np.ndarray:
    """How steep the smoothed picture is, float32 [h, w], in gray levels (Sobel)."""
    along_x, along_y = sobel(gaussian_blur(gray, 1.0))
    return np.abs(along_x) + np.abs(along_y)


def warp(image: np.ndarray, shift: np.ndarray, box: Box | None = None) -> np.ndarray:
    """`image` looked up where each pixel, or each in `box`, has gone; outside the picture its border is repeated.

    The same array where nothing has moved, which is most often so: a camera on a tripod.
    """
    grid = pixel_grid(*image.shape[:2])
    if box is not None:
        grid = grid[box]
    elif is_rest(shift):
        return image
    return sample_at(image, grid + shift)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The scalar product of two fields [h, w, 2], [h, w]; numpy is slow at sums over so short an axis."""
    product = a * b
    return np.asarray(product[..., 0] + product[..., 1])


def length(field: np.ndarray) -> np.ndarray:
    """The lengths [...] of vectors [..., 2]; np.hypot, which guards against overflow, takes four times as long."""
    return np.sqrt(dot(field, field))


def choose(mask: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The vectors of `one` where `mask` [h, w] is true and of `other` elsewhere, all float32 [h, w, 2]."""
    # A pair is picked in one piece: np.where is slow over so short an axis.
    pairs = (np.ascontiguousarray(field, np.float32).view(np.complex64)[..., 0] for field in (one, other))
    return np.where(mask, *pairs)[..., None].view(np.float32)


def bounding_box(mask: np.ndarray, margin: int) -> Box:
    """The part of the picture that holds all of `mask`, which is not empty, and `margin` pixels around it."""
    if (cv2 := find_opencv("boundingRect")) is not None:
        left, top, width, height = cv2.boundingRect((mask != 0).view(np.uint8))
        right, bottom = left + width, top + height
    else:
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        (top, bottom), (left, right) = ((int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
    return slice(max(top - margin, 0), bottom + margin), slice(max(left - margin, 0), right + margin)


@lru_cache(maxsize=8)
def rest(height: int, width: int) -> np.ndarray:
    """No motion anywhere, float32 [h, w, 2] of zeros; shared, so not to be written to."""
    field = np.zeros((height, width, 2), np.float32)
    field.flags.writeable = False
    return field


def is_rest(shift: np.ndarray) -> bool:
    """Whether a field [h, w, 2] is zero everywhere; of `rest` itself it is known without a look."""
    return shift is rest(*shift.shape[:2]) or not shift.any()


@lru_cache(maxsize=8)
def pixel_grid(height: int, width: int) -> np.ndarray:
    """The column and the row of each pixel, float32 [h, w, 2]; shared, so not to be written to."""
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([xs, ys], axis=-1)


def _covers_all_sides(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether points lie near at least three of the picture's sides: what a camera does shows there, objects rarely."""
    height, width = shape
    x, y = points[:, 0] / width, points[:, 1] / height
    sides = (x < BORDER, x > 1 - BORDER, y < BORDER, y > 1 - BORDER)
    return sum(int(side.sum()) >= 3 for side in sides) >= 3
