"""Image operations on NumPy arrays (resize, blurs, gradients, warps, labels), as OpenCV's.

Pictures are [h, w] or [h, w, channels]. Blurs and gradients mirror the picture at its border without repeating the
border itself; uint8 pictures are rounded to uint8 again. Blurs, `sobel` of uint8, `dilate`, `label` and `sample`, which
cost most, are OpenCV's own where it is at hand. Elsewhere most are SciPy's, which takes a while to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from deepsound.media.opencv import find_opencv

# Luma of BT.601 in units of 2**-15, as OpenCV and most decoders round it.
_LUMA, _LUMA_BITS = np.array([9798, 19235, 3735], np.int32), 15


def gray(rgb: np.ndarray) -> np.ndarray:
    """The luma (BT.601), uint8 [h, w], of a colour picture uint8 [h, w, 3]."""
    return ((rgb @ _LUMA + (1 << (_LUMA_BITS - 1))) >> _LUMA_BITS).astype(np.uint8)


def resize(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """`picture` in another size: each pixel the mean of the area it covers, or interpolated where it is enlarged."""
    rows, columns = _weights(picture.shape[0], height), _weights(picture.shape[1], width)
    if picture.ndim == 2:
        return _like(picture, rows @ picture.astype(np.float32) @ columns.T)
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)).astype(np.float32)
    return _like(picture, np.ascontiguousarray((rows @ planes @ columns.T).transpose(1, 2, 0)))


def resize_planes(planes: np.ndarray, width: int, height: int) -> np.ndarray:
    """`resize` of float32 [planes, h, w], which need not be turned over and back."""
    rows, columns = _weights(planes.shape[1], height), _weights(planes.shape[2], width)
    return np.asarray(rows @ planes @ columns.T)


def box_blur(picture: np.ndarray, side: int) -> np.ndarray:
    """The mean over `side` x `side` pixels around each pixel."""
    picture = _uint8_or_float32(picture)
    if (cv2 := find_opencv("blur")) is not None:
        return np.asarray(cv2.blur(picture, (side, side)))
    from scipy import ndimage

    size = (side, side, 1)[: picture.ndim]
    return _like(picture, ndimage.uniform_filter(picture.astype(np.float32), size, mode="mirror"))


def gaussian_blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of `sigma` pixels, cut off at three sigma for uint8 and at four for float32.

    OpenCV's GaussianBlur is not used: versions 4 and 5 round uint8 differently, which moved one impact in fourteen of
    a test scene. Its sepFilter2D in float32 is the same in both.
    """
    picture = _uint8_or_float32(picture)
    kernel = _gaussian(sigma, 3 if picture.dtype == np.uint8 else 4)
    blurred = picture.astype(np.float32)
    if (cv2 := find_opencv("sepFilter2D")) is not None and blurred.ndim == 2:
        return _like(picture, cv2.sepFilter2D(blurred, cv2.CV_32F, kernel, kernel))
    from scipy import ndimage

    for axis in (0, 1):
        blurred = ndimage.correlate1d(blurred, kernel, axis, mode="mirror")
    return _like(picture, blurred)


@lru_cache(maxsize=8)
def _gaussian(sigma: float, sigmas: int) -> np.ndarray:
    """A Gaussian's weights on either side of its middle, as far as so many sigmas; they add up to 1."""
    radius = round(sigma * sigmas)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


def sobel(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Sobel derivatives along x and along y, float32 [h, w] each, in eighths of a level per pixel."""
    if picture.dtype == np.uint8:
        return _sobel_of_bytes(picture)
    from scipy import ndimage

    values = picture.astype(np.float32)
    return ndimage.sobel(values, 1, mode="mirror"), ndimage.sobel(values, 0, mode="mirror")


def _sobel_of_bytes(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`sobel` of uint8 in whole numbers: the same values, several times as fast."""
    if (cv2 := find_opencv("Sobel")) is not None:
        edge = cv2.BORDER_REFLECT_101
        along_x, along_y = (cv2.Sobel(picture, cv2.CV_32F, *way, ksize=3, borderType=edge) for way in ((1, 0), (0, 1)))
        return np.asarray(along_x), np.asarray(along_y)
    padded = np.pad(picture, 1, mode="reflect").astype(np.int16)
    smooth, steep = padded[:-2] + 2 * padded[1:-1] + padded[2:], padded[2:] - padded[:-2]
    along_x = smooth[:, 2:] - smooth[:, :-2]
    along_y = steep[:, :-2] + 2 * steep[:, 1:-1] + steep[:, 2:]
    return along_x.astype(np.float32), along_y.astype(np.float32)


def absdiff(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The absolute difference of two arrays of one kind, without uint8's wrap-around."""
    if one.dtype == np.uint8 and (cv2 := find_opencv("absdiff")) is not None:
        return np.asarray(cv2.absdiff(one, other))
    return np.maximum(one, other) - np.minimum(one, other)


def median_level(picture: np.ndarray) -> float:
    """The median of a picture uint8, by its histogram."""
    upto = np.cumsum(_histogram(picture))
    lower, upper = np.searchsorted(upto, [(picture.size - 1) // 2, picture.size // 2], side="right")
    return float(lower + upper) / 2


def _histogram(picture: np.ndarray) -> np.ndarray:
    """How often each level is in a picture uint8, [256] in whole numbers."""
    # OpenCV counts in float32, which has all whole numbers up to 2**24.
    if picture.size < 1 << 24 and (cv2 := find_opencv("calcHist")) is not None:
        return np.asarray(cv2.calcHist([picture], [0], None, [256], [0, 256])).ravel().astype(np.int64)
    return np.bincount(picture.ravel(), minlength=256)


def mean_level(picture: np.ndarray) -> float:
    """The mean of a picture uint8."""
    if (cv2 := find_opencv("sumElems")) is not None:
        return float(cv2.sumElems(picture)[0]) / picture.size
    return float(picture.mean())


def median(values: np.ndarray) -> np.float32:
    """The median of float32 numbers without NaN: np.median's, which sorts three times as long for its checks."""
    flat, half = values.ravel(), values.size // 2
    parted = np.partition(flat, half)
    upper = parted[half]
    return np.float32(upper if values.size % 2 else np.float32(parted[:half].max() + upper) / np.float32(2))


def dilate(mask: np.ndarray, side: int) -> np.ndarray:
    """The largest value in the `side` x `side` pixels around each pixel."""
    if (cv2 := find_opencv("dilate")) is not None and mask.dtype in (np.uint8, np.float32):
        return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)))
    from scipy import ndimage

    grown: np.ndarray = ndimage.maximum_filter(mask, side, mode="nearest")
    return grown


def label(mask: np.ndarray) -> tuple[int, np.ndarray]:
    """Connected parts (8 neighbours) of a mask as labels int32 [h, w], 0 outside, and their number with the outside."""
    if (cv2 := find_opencv("connectedComponents")) is not None:
        found, parts = cv2.connectedComponents(np.ascontiguousarray(mask, np.uint8), connectivity=8)
        return int(found), np.asarray(parts)
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3), bool))
    return count + 1, labels


def sample(picture: np.ndarray, xs: np.ndarray, ys: np.ndarray, exact: bool = False) -> np.ndarray:
    """`picture` at the positions (`xs`, `ys`), in pixels; bilinear, its border repeated outside.

    OpenCV's rounds positions to 1/32 pixel, unless they are to be `exact`.
    """
    picture = _uint8_or_float32(picture)
    if not exact and (cv2 := find_opencv("remap")) is not None:
        xs, ys = (np.asarray(part, np.float32) for part in (xs, ys))
        return np.asarray(cv2.remap(picture, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    height, width = picture.shape[:2]
    xs, ys = np.clip(xs, 0, width - 1, dtype=np.float32), np.clip(ys, 0, height - 1, dtype=np.float32)
    left, top = xs.astype(np.intp), ys.astype(np.intp)
    # Beside the last column and below the last row stands what is repeated, with no weight.
    padded = np.pad(picture, ((0, 1), (0, 1), (0, 0))[: picture.ndim], mode="edge")
    across, down, corner = xs - left, ys - top, top * (width + 1) + left
    if picture.ndim == 2:
        return _like(picture, _bilinear(padded, corner, across, down))
    planes = [_bilinear(padded[..., plane], corner, across, down) for plane in range(picture.shape[2])]
    return _like(picture, np.stack(planes, axis=-1))


def sample_at(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`sample` at `places` float32 [h, w, 2], each a column and a row."""
    if (cv2 := find_opencv("remap")) is not None:
        picture = _uint8_or_float32(picture)
        return np.asarray(cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return sample(picture, places[..., 0], places[..., 1])


def _bilinear(plane: np.ndarray, corner: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    flat, row = plane.astype(np.float32).ravel(), plane.shape[1]
    upper, lower = flat.take(corner), flat[row:].take(corner)
    upper += (flat[1:].take(corner) - upper) * across
    lower += (flat[row + 1 :].take(corner) - lower) * across
    upper += (lower - upper) * down
    return upper


@dataclass(frozen=True, eq=False)
class StructureTensor:
    """A picture's structure tensor at each pixel, [h, w] each.

    `middle` is half the sum of the diagonal, `half` half its difference, `xy` what stands beside it.
    """

    middle: np.ndarray
    half: np.ndarray
    xy: np.ndarray

    @property
    def larger(self) -> np.ndarray:
        """The larger eigenvalue."""
        return self.middle + np.hypot(self.half, self.xy)

    @property
    def smaller(self) -> np.ndarray:
        """The smaller eigenvalue."""
        return self.middle - np.hypot(self.half, self.xy)

    def is_straight(self, share: float) -> np.ndarray:
        """Where the smaller eigenvalue is less than `share` of the larger one: along straight edges."""
        spread, middle = (1 + share) ** 2, (1 - share) ** 2
        return np.asarray(spread * (self.half**2 + self.xy**2) > middle * self.middle**2)

    def across(self, where: np.ndarray) -> np.ndarray:
        """The unit vectors [n, 2] across the edge, of the larger eigenvalue, at the pixels of the mask `where`."""
        angle = np.arctan2(self.xy[where], self.half[where]) / 2
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def structure(picture: np.ndarray, window: int) -> StructureTensor:
    """The structure tensor over `window` pixels around each pixel."""
    along_x, along_y = sobel(picture)
    xx, yy, xy = (box_blur(part, window) for part in (along_x * along_x, along_y * along_y, along_x * along_y))
    return StructureTensor((xx + yy) / 2, (xx - yy) / 2, xy)


def _uint8_or_float32(picture: np.ndarray) -> np.ndarray:
    return picture if picture.dtype == np.uint8 else picture.astype(np.float32, copy=False)


def _like(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    if picture.dtype == np.uint8:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return values.astype(np.float32, copy=False)


@lru_cache(maxsize=32)
def _weights(before: int, after: int) -> np.ndarray:
    """How much of each of `before` pixels goes into each of `after`, float32 [after, before]; rows sum to 1."""
    if after > before:
        at = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)
        return np.maximum(1 - np.abs(at[:, None] - np.arange(before)), 0).astype(np.float32)
    edges = np.arange(after + 1) * (before / after)
    pixel = np.arange(before)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.maximum(covered, 0) * (after / before)).astype(np.float32)
