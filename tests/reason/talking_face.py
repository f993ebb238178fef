"""Rendered speakers and listeners: a photograph of a face whose mouth is warped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Of scikit-image's astronaut (NASA, public domain), in pixels of its 512 x 512: the mouth's middle and half width, and
# the rows of the philtrum, the upper and the lower edge of the gap between the lips, the lower lip's end, the chin.
_MIDDLE, _HALF_WIDTH = 222.0, 34.0
_ROWS = (136.0, 143.0, 150.0, 160.0, 188.0)
# The lips meet when the lower one is raised by this much.
CLOSED = -6.0


@dataclass(frozen=True)
class Camera:
    """How the face is filmed: its scale, its drift in pixels a second, a sway of the head, and the picture's grain."""

    scale: float = 1.4
    drift: float = 6.0
    sway: float = 2.0
    grain: float = 3.0
    seed: int = 0


def opened(photograph: np.ndarray, by: float) -> np.ndarray:
    """The photograph with the lower lip `by` pixels lower, or higher where that is negative; uint8 [512, 512, 3]."""
    from scipy.ndimage import map_coordinates

    top, bottom = int(_ROWS[0]), int(_ROWS[-1]) + 1
    left, right = int(_MIDDLE - _HALF_WIDTH), int(_MIDDLE + _HALF_WIDTH) + 1
    picture, rows = photograph.astype(np.float32), np.arange(top, bottom, dtype=np.float64)
    source = np.empty((len(rows), right - left))
    for column in range(left, right):
        lowered = by * np.cos((column - _MIDDLE) / _HALF_WIDTH * np.pi / 2) ** 2
        edges = (_ROWS[0], _ROWS[1], _ROWS[2] + lowered, _ROWS[3] + lowered, _ROWS[4])
        source[:, column - left] = np.interp(rows, edges, _ROWS)
    columns = np.broadcast_to(np.arange(left, right, dtype=np.float64), source.shape)
    for channel in range(3):
        picture[top:bottom, left:right, channel] = map_coordinates(
            photograph[..., channel].astype(np.float32), [source, columns], order=1
        )
    return picture.clip(0, 255).astype(np.uint8)


def film(
    photograph: np.ndarray, openings: Sequence[float] | np.ndarray, fps: float, camera: Camera = Camera()
) -> list[np.ndarray]:
    """Frames uint8 [360, 640, 3] of the face whose lower lip is at `openings` (pixels of the photograph) in each."""
    from PIL import Image

    rng = np.random.default_rng(camera.seed)
    phase = rng.uniform(0, 2 * np.pi)
    frames = []
    for index, opening in enumerate(openings):
        time_s = index / fps
        x = 222 - camera.drift * time_s + camera.sway * np.sin(2.1 * time_s + phase)
        y = 130 + camera.sway * np.cos(1.7 * time_s + phase)
        angle = camera.sway * np.sin(0.9 * time_s + phase)
        head = Image.fromarray(opened(photograph, float(opening))).rotate(
            angle, Image.Resampling.BICUBIC, center=(222, 130)
        )
        wide, high = 640 / camera.scale, 360 / camera.scale
        shown = head.transform(
            (640, 360),
            Image.Transform.EXTENT,
            (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2),
            Image.Resampling.BICUBIC,
        )
        noisy = np.asarray(shown) + rng.normal(scale=camera.grain, size=(360, 640, 3))
        frames.append(noisy.clip(0, 255).astype(np.uint8))
    return frames


def speaking(envelope: np.ndarray, widest: float = 8.0) -> np.ndarray:
    """The lower lip of somebody who speaks with `envelope` (0 to 1): closed in its pauses."""
    return CLOSED + (widest - CLOSED) * np.sqrt(np.clip(envelope, 0, 1))
