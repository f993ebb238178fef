"""Pyramidal Lucas-Kanade optical flow, dense (IJCAI 1981; Bouguet 2001), in NumPy and SciPy.

Meant for pictures of about 100 pixels: displacements of up to about 12 pixels are followed. OpenCV is not needed, so
that what is built on it is the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEVELS = 3
ITERATIONS = 2
WINDOW = 7
# Added to the structure tensor's diagonal, in squared gray levels: without texture there is no motion.
REGULARIZATION = 30.0 / WINDOW
MAX_STEP_PIXELS = 2.0


def lucas_kanade(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The flow (x, y) in pixels from `before` to `after`, float32 [2, h, w]; both are float32 [h, w], 0 to 255."""
    import numpy as np

    flow: np.ndarray | None = None
    for one, other in zip(reversed(_pyramid(before)), reversed(_pyramid(after)), strict=True):
        height, width = one.shape
        if flow is None:
            flow = np.zeros((2, height, width), np.float32)
        else:
            flow = 2.0 * flow.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
        flow = _refine(one, other, flow)
    assert flow is not None  # noqa: S101 - a pyramid has a level
    return flow.astype(np.float32)


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`image` [h, w] looked up where each pixel has gone; outside the picture its border is repeated."""
    import numpy as np
    from scipy.ndimage import map_coordinates

    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    return np.asarray(map_coordinates(image, [rows + flow[1], columns + flow[0]], order=1, mode="nearest"))


def _pyramid(picture: np.ndarray) -> list[np.ndarray]:
    from scipy.ndimage import gaussian_filter

    levels = [picture]
    while len(levels) < LEVELS:
        levels.append(gaussian_filter(levels[-1], 1.0, truncate=3.0)[::2, ::2])
    return levels


def _refine(before: np.ndarray, after: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`flow` after a few Gauss-Newton steps of the brightness constancy in each window."""
    import numpy as np
    from scipy.ndimage import uniform_filter

    def window(field: np.ndarray) -> np.ndarray:
        return np.asarray(uniform_filter(field, WINDOW, mode="nearest"))

    down, right = np.gradient(before)
    xx, xy, yy = window(right * right) + REGULARIZATION, window(right * down), window(down * down) + REGULARIZATION
    determinant = xx * yy - xy * xy
    for _ in range(ITERATIONS):
        difference = before - warp(after, flow)
        x, y = window(right * difference), window(down * difference)
        step = np.stack([yy * x - xy * y, xx * y - xy * x]) / determinant
        flow = flow + np.clip(step, -MAX_STEP_PIXELS, MAX_STEP_PIXELS)
    return flow
