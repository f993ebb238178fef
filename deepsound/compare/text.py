"""Text rendering on pictures with Pillow's built-in typeface."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

BACKGROUND = (16, 18, 24)
PANEL = (22, 25, 33)
GRID = (44, 49, 62)
INK = (232, 235, 242)
FAINT = (146, 154, 170)
VOICE = (232, 72, 104)
COLOURS = {"coarse": (244, 172, 92), "final": (92, 204, 186), "voice": (240, 108, 142)}


@cache
def font(size: int) -> Any:
    """Pillow's own typeface at `size` pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def write(
    draw: ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: tuple[int, int, int] = INK,
    anchor: str = "lm",
    width: float | None = None,
) -> None:
    """Write `text` at a point that Pillow's `anchor` places (lm: its left end, half way up); cut to `width` pixels."""
    draw.text(
        at, text if width is None else fit_text(draw, text, size, width), font=font(size), fill=colour, anchor=anchor
    )


def fit_text(draw: ImageDraw, text: str, size: int, width: float) -> str:
    """`text`, or as much of its beginning as `width` pixels hold, ended by dots."""
    if draw.textlength(text, font=font(size)) <= width:
        return text
    while text and draw.textlength(f"{text}...", font=font(size)) > width:
        text = text[:-1]
    return f"{text}..."
