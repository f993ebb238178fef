"""Random takes of rendered scenes: rate, size, texture, noise, contrast, camera, by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from tests.generate.scenes import Canvas, Look, Scene, aspect_of

RATES = (Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(15))
SIZES = ((320, 240), (320, 180), (240, 240), (200, 320))


@dataclass
class _Framed(Canvas):
    """A canvas whose picture is `zoom` times as large about its middle, and moved."""

    zoom: float = 1.0

    @property
    def scale(self) -> float:
        return float(self.image.shape[0]) * self.zoom


@dataclass(frozen=True)
class Take:
    """One scene as filmed once: `frames` yields uint8 [h, w, 3], `hits_s` are the scene's."""

    scene: Scene
    contrast: float
    brightness: float
    is_mirrored: bool
    channels: tuple[int, ...]

    def frames(self) -> Iterator[np.ndarray]:
        for frame in self.scene.frames():
            picture = np.clip(frame[..., self.channels] * self.contrast + self.brightness, 0, 255).astype(np.uint8)
            yield np.ascontiguousarray(picture[:, ::-1] if self.is_mirrored else picture)


def random_look(seed: int) -> Look:
    """How a take is filmed. At most 30 frames a second are looked at, so that faster rates show the same."""
    rng = np.random.default_rng([seed, 71])
    return Look(
        fps=RATES[rng.choice(len(RATES), p=(0.2, 0.1, 0.25, 0.15, 0.25, 0.05))],
        size=SIZES[rng.choice(len(SIZES), p=(0.4, 0.4, 0.1, 0.1))],
        background=str(rng.choice(["flat", "textured", "noise"], p=(0.35, 0.45, 0.2))),
        seed=seed,
        shake=float(rng.choice([0.0, rng.uniform(0.002, 0.008)], p=(0.6, 0.4))),
        grain=float(rng.choice([0.0, rng.uniform(1, 6)], p=(0.4, 0.6))),
        shutter=float(rng.choice([0.0, 0.25, 0.5], p=(0.6, 0.2, 0.2))),
    )


def random_take(make: Callable[[Look, float], Scene], seed: int, duration_s: float) -> Take:
    """A scene of the kind `make`, as someone would film it."""
    rng = np.random.default_rng([seed, 72])
    scene = make(random_look(seed), duration_s)
    contrast = float(rng.choice([1.0, rng.uniform(0.35, 0.9)]))
    return Take(
        replace(scene, draw=_filmed(scene, rng)),
        contrast,
        float(rng.uniform(0, 255 * (1 - contrast))),
        bool(rng.random() < 0.5),
        tuple(int(channel) for channel in rng.permutation(3)),
    )


def _filmed(scene: Scene, rng: np.random.Generator) -> Callable[[Canvas, float], None]:
    """The scene's drawing from another distance, with a post before it now and then."""
    zoom, aspect = float(rng.uniform(0.7, 1.05)), aspect_of(scene.look)
    back = (aspect / 2 / zoom - aspect / 2, 0.5 / zoom - 0.5)
    post = (rng.uniform(0, aspect), rng.uniform(0.03, 0.08)) if rng.random() < 0.15 else None
    own = tuple(int(part) for part in rng.integers(20, 230, 3))

    def draw(canvas: Canvas, at: float) -> None:
        x, y = canvas.offset
        # What is further away than a zoom of 1 shows floors and walls beyond their usual ends, which are a width away.
        scene.draw(_Framed(canvas.image, (x + back[0], y + back[1]), zoom), at)
        if post is not None:
            canvas.box(post[0], -1, post[1], 3, own)

    return draw
