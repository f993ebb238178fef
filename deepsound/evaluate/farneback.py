"""Farneback's dense optical flow (polynomial expansion, SCIA 2003), as OpenCV computes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from deepsound.media.pixels import resize, sample

# What lies near the border is trusted less; the factor of each pixel from the border inwards.
_BORDER = np.array([0.14, 0.14, 0.4472, 0.4472, 0.4472], np.float32)
_LEAST_SIDE = 32


@dataclass(frozen=True)
class FarnebackSettings:
    """Pyramid scale, how many smaller levels, averaging window, iterations, size and sigma of the fitted pixels."""

    scale: float = 0.5
    levels: int = 3
    window: int = 15
    iterations: int = 3
    size: int = 5
    sigma: float = 1.2


def farneback_flow(before: np.ndarray, after: np.ndarray, settings: FarnebackSettings | None = None) -> np.ndarray:
    """The flow float32 [h, w, 2] in pixels, x then y, from one uint8 [h, w] to the next."""
    settings = settings or FarnebackSettings()
    height, width = before.shape
    levels = 0
    while levels < settings.levels and min(height, width) * settings.scale ** (levels + 1) >= _LEAST_SIDE:
        levels += 1
    flow = np.zeros((0, 0, 2), np.float32)
    for level in range(levels, -1, -1):
        scale = settings.scale**level
        size = (round(width * scale), round(height * scale)) if level else (width, height)
        if level == levels:
            flow = np.zeros((size[1], size[0], 2), np.float32)
        else:
            flow = resize(flow, *size) / np.float32(settings.scale)
        one, other = (_expansion(_smaller(frame, size, scale), settings) for frame in (before, after))
        for _ in range(settings.iterations):
            flow = _solve_displacement(_equations(one, other, flow), settings.window)
    return flow


def _smaller(frame: np.ndarray, size: tuple[int, int], scale: float) -> np.ndarray:
    """The frame blurred for its level and interpolated to its size, float32."""
    picture = frame.astype(np.float32)
    sigma = (1 / scale - 1) / 2
    radius = max(round(sigma * 5) | 1, 3) // 2
    # OpenCV's kernel of three where no sigma is given.
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2) if sigma else np.array([1.0, 2.0, 1.0])
    for axis in (0, 1):
        picture = ndimage.correlate1d(picture, kernel / kernel.sum(), axis, mode="mirror")
    if size == frame.shape[::-1]:
        return picture
    rows, columns = ((np.arange(new) + 0.5) * old / new - 0.5 for new, old in zip(size[::-1], frame.shape, strict=True))
    ys, xs = np.meshgrid(rows, columns, indexing="ij")
    return sample(picture, xs, ys, exact=True)


def _expansion(picture: np.ndarray, settings: FarnebackSettings) -> np.ndarray:
    """Coefficients of x, y, x^2, y^2 and xy of the polynomial fitted around each pixel, float32 [h, w, 5]."""
    at = np.arange(-settings.size, settings.size + 1, dtype=np.float64)
    g = np.exp(-(at**2) / (2 * settings.sigma**2))
    g /= g.sum()
    ys, xs = np.meshgrid(at, at, indexing="ij")
    basis = np.stack([np.ones_like(xs), xs, ys, xs**2, ys**2, xs * ys]).reshape(6, -1)
    dual = np.linalg.inv((basis * np.outer(g, g).ravel()) @ basis.T)
    down = [ndimage.correlate1d(picture, kernel, 0, mode="nearest") for kernel in (g, at * g, at**2 * g)]
    along = [
        ndimage.correlate1d(down[y], at**x * g, 1, mode="nearest")
        for x, y in ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1))
    ]
    fitted = np.tensordot(np.stack(along, axis=-1), dual[:, 1:], axes=1)
    return fitted.astype(np.float32)


def _equations(one: np.ndarray, other: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What each pixel says of its displacement: the matrix xx, xy, yy and the right side x, y, float32 [h, w, 5]."""
    height, width = one.shape[:2]
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    to_x, to_y = xs + flow[..., 0], ys + flow[..., 1]
    inside = (to_x >= 0) & (to_x < width - 1) & (to_y >= 0) & (to_y < height - 1)
    found = np.where(inside[..., None], sample(other, to_x, to_y, exact=True), 0)
    quadratic = np.where(inside[..., None], (one[..., 2:] + found[..., 2:]) / 2, one[..., 2:])
    xx, yy, xy = quadratic[..., 0], quadratic[..., 1], quadratic[..., 2] / 2
    x = (one[..., 0] - found[..., 0]) / 2 + xx * flow[..., 0] + xy * flow[..., 1]
    y = (one[..., 1] - found[..., 1]) / 2 + xy * flow[..., 0] + yy * flow[..., 1]
    trust = np.outer(_confidence(height), _confidence(width))
    xx, yy, xy, x, y = (part * trust for part in (xx, yy, xy, x, y))
    return np.stack([xx**2 + xy**2, (xx + yy) * xy, yy**2 + xy**2, xx * x + xy * y, xy * x + yy * y], axis=-1)


def _confidence(side: int) -> np.ndarray:
    factors = np.ones(side, np.float32)
    count = min(len(_BORDER), side)
    factors[:count] *= _BORDER[:count]
    factors[side - count :] *= _BORDER[:count][::-1]
    return factors


def _solve_displacement(equations: np.ndarray, window: int) -> np.ndarray:
    """The displacement that fits the equations around each pixel best."""
    mean = ndimage.uniform_filter(equations.astype(np.float64), (window, window, 1), mode="nearest")
    xx, xy, yy, x, y = np.moveaxis(mean, -1, 0)
    scale = 1 / (xx * yy - xy * xy + 1e-3)
    return np.stack([(yy * x - xy * y) * scale, (xx * y - xy * x) * scale], axis=-1).astype(np.float32)
