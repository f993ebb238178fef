"""Letterboxing: pictures and cut-outs fitted into a network's square."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

SMALLEST_PIXELS = 8
Window = tuple[int, int, int, int]


class Letterbox(NamedTuple):
    """A picture in the middle of a square float [3, size, size] in [-1, 1], how much it was scaled, where it begins."""

    square: torch.Tensor
    scale: float
    x: int
    y: int


def letterbox(picture: torch.Tensor, side: int) -> Letterbox:
    """A picture float [3, height, width] from 0 to 255 in a square of `side` pixels."""
    from torch.nn import functional

    _, height, width = picture.shape
    scale = side / max(height, width)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    small = functional.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]
    y, x = (side - size[0]) // 2, (side - size[1]) // 2
    square = functional.pad(small, (x, side - size[1] - x, y, side - size[0] - y))
    return Letterbox(square / 127.5 - 1, scale, x, y)


def windows(height: int, width: int) -> list[Window]:
    """The whole picture and, unless it is square, the squares at both ends: top, left, height, width."""
    side = min(height, width)
    ends = {(0, 0), (height - side, width - side)} if side < max(height, width) else set()
    return [(0, 0, height, width), *((top, left, side, side) for top, left in sorted(ends))]


def cut_out(picture: torch.Tensor, x: float, y: float, half: float) -> torch.Tensor | None:
    """The square of `half` pixels to each side of a point, as far as it is in the picture; None for next to nothing."""
    rows = slice(max(round(y - half), 0), max(round(y + half), 0))
    columns = slice(max(round(x - half), 0), max(round(x + half), 0))
    part = picture[:, rows, columns]
    return None if min(part.shape[1:]) < SMALLEST_PIXELS else part
