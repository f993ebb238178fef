"""Rendered storms and passers-by without any impact.

For measurement alone: nothing was made on them.
"""

from __future__ import annotations

import cv2
import numpy as np

from tests.generate.scenes import Canvas, Look, Scene, aspect_of
from tests.generate.training_scenes import Colour, colour, generator


def _noise(rng: np.random.Generator, cells: int, size: int = 192) -> np.ndarray:
    """A smooth random texture that repeats, float32 [size, size], 0 to 1."""
    coarse = rng.uniform(0, 1, (cells, cells)).astype(np.float32)
    coarse = np.pad(coarse, 2, mode="wrap")
    fine = cv2.resize(coarse, None, fx=size / cells, fy=size / cells, interpolation=cv2.INTER_CUBIC)
    margin = 2 * size // cells
    return np.clip(fine[margin : margin + size, margin : margin + size], 0, 1)


def _shifted(texture: np.ndarray, canvas: Canvas, x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
    """The texture, repeated, over the canvas, moved by x and y in picture heights: float32 [h, w]."""
    height, width = canvas.image.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / canvas.scale
    down, across = (((part * len(texture)) % len(texture)).astype(np.float32) for part in (rows - y, columns - x))
    return cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _mix(canvas: Canvas, own: Colour, share: np.ndarray) -> None:
    mixed = canvas.image + (np.array(own) - canvas.image) * share[..., None]
    np.copyto(canvas.image, np.clip(mixed, 0, 255).astype(np.uint8))


def storm(look: Look, duration_s: float = 6.0) -> Scene:
    """Dust and debris that tumble past in gusts, filmed by a hand that jerks, in changing light."""
    rng = generator(look, 83)
    aspect, count, wind = aspect_of(look), int(rng.integers(4, 40)), rng.uniform(0.4, 2.0) * rng.choice((-1, 1))
    dust, own_dust = _noise(rng, 8), colour(rng)
    pieces = rng.uniform([-1, -0.2, 0.5, -9, 0.01, 3], [3, 1.0, 1.5, 9, 0.07, 7], (count, 6))
    paint, rates, jerk = [colour(rng) for _ in range(count)], rng.uniform(1, 12, (4, 2)), rng.uniform(0.003, 0.03)
    houses = [(x, rng.uniform(0.5, 0.9), colour(rng)) for x in np.arange(-0.4, 2.4, 0.24)]

    def draw(canvas: Canvas, at: float) -> None:
        x, y = canvas.offset + jerk * np.sin(2 * np.pi * rates * at + rates).sum(axis=0) / 2
        shaken = type(canvas)(**{**vars(canvas), "offset": (float(x), float(y))})
        gone = wind * (at + 0.3 * np.sin(2.1 * at))
        for left, top, own in houses:
            shaken.box(left, top, 0.2, 1, own)
        _mix(canvas, own_dust, np.clip(1.6 * _shifted(dust, canvas, gone, 0.1 * np.sin(3 * at)) - 0.6, 0, 0.8))
        for (left, top, fast, spin, size, corners), own in zip(pieces, paint, strict=True):
            centre = (left + fast * gone + 1) % (aspect + 2) - 1, top + 0.06 * np.sin(3 * fast * at + spin)
            turns = spin * at + 2 * np.pi * np.arange(int(corners)) / int(corners)
            shaken.polygon([(centre[0] + size * np.cos(t), centre[1] + 0.6 * size * np.sin(t)) for t in turns], own)
        light = 1 + 0.1 * np.sin(9 * at) * (rates[0, 0] > 6)
        np.copyto(canvas.image, np.clip(canvas.image * light, 0, 255).astype(np.uint8))

    return Scene("storm", duration_s, draw, (), look)


def hidden_passers(look: Look, duration_s: float = 6.0) -> Scene:
    """Things of many shapes that pass behind posts and out of the picture, from any side."""
    rng = generator(look, 87)
    aspect = aspect_of(look)
    posts = [(rng.uniform(0, aspect), rng.uniform(0.05, 0.3), colour(rng)) for _ in range(int(rng.integers(1, 5)))]
    passers = []
    for _ in range(int(rng.integers(2, 7))):
        way = rng.uniform(0.3, 1.3) * np.array([rng.choice((-1, 1)), rng.uniform(-0.3, 0.3)])
        passers.append(
            (
                rng.uniform(0, duration_s),
                way,
                rng.uniform(0.2, 0.8),
                rng.uniform(0.05, 0.14),
                int(rng.integers(3, 12)),
                colour(rng),
            )
        )

    def draw(canvas: Canvas, at: float) -> None:
        for middle_s, way, y, size, corners, own in passers:
            x, level = aspect / 2 + way[0] * (at - middle_s), y + way[1] * (at - middle_s)
            turns = 2 * np.pi * np.arange(corners) / corners
            canvas.polygon([(x + size * np.cos(turn), level + size * np.sin(turn)) for turn in turns], own)
        for left, wide, own in posts:
            canvas.box(left, -1, wide, 3, own)

    return Scene("hidden passers", duration_s, draw, (), look)


QUIET = (storm, hidden_passers)
