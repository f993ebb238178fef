"""Painting tools of both clips: noise, layers, a film look.

Pictures are float32 [height, width, 3].
"""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, HEIGHT, FPS = 640, 360, 30

Colour = tuple[float, float, float]


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cells: tuple[int, int],
    octaves: int = 5,
) -> np.ndarray:
    """Smooth noise from 0 to 1, [height, width]: `cells` (down, across) in the coarsest of `octaves` grids."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        grid = rng.random((min((cells[0] << octave) + 3, height), min((cells[1] << octave) + 3, width)))
        total += cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    low, high = total.min(), total.max()
    return np.asarray((total - low) / (high - low))


def blend(picture: np.ndarray, colour: np.ndarray | Colour, cover: np.ndarray) -> None:
    """Lay a colour over `picture`, in place, as far as `cover` [height, width] from 0 to 1 says."""
    picture += (np.asarray(colour, np.float32) - picture) * cover[..., None].astype(np.float32)


def shade(colour: Colour, light: np.ndarray | float) -> np.ndarray:
    """A colour times a brightness [...] -> [..., 3]."""
    return np.asarray(np.multiply.outer(np.asarray(light, np.float32), np.asarray(colour, np.float32)))


def gradient(stops: list[tuple[float, Colour]], at: np.ndarray) -> np.ndarray:
    """Colours [..., 3] between `stops` (place, colour) at the places `at` [...]."""
    places = [place for place, _ in stops]
    return np.stack(
        [np.interp(at, places, [colour[band] for _, colour in stops]) for band in range(3)], axis=-1
    ).astype(np.float32)


def polygon(shape: tuple[int, int], points: np.ndarray) -> np.ndarray:
    """How far each pixel lies in a convex polygon, 0 to 1, [height, width]; `points` [corners, 2] in pixels."""
    cover = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(cover, np.round(points * 64).astype(np.int32), 255, cv2.LINE_AA, shift=6)
    return cover.astype(np.float32) / 255


def film(picture: np.ndarray) -> np.ndarray:
    """Develop: a vignette, soft shoulders, warm lights over cool shadows; uint8 [height, width, 3]."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    exposed = np.clip(picture * (1.06 - 0.2 * (0.8 * x**2 + 0.7 * y**2))[..., None], 0, 1.2)
    toned = exposed * (1.16 - 0.16 * exposed**2) - 0.05 * np.sin(2 * np.pi * np.clip(exposed, 0, 1))
    warmth = toned.mean(axis=-1, keepdims=True) - 0.5
    toned = toned + warmth * np.array([0.035, 0.005, -0.045], np.float32) + np.array([0.012, 0.012, 0.02], np.float32)
    return np.asarray(np.clip(toned * 255 + 0.5, 0, 255).astype(np.uint8))
