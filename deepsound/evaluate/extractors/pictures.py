"""Frame preprocessing as in av-benchmark: constant rate, 8-bit resizing, crops.

The benchmark decodes through FFmpeg's fps filter, whose rounding decides which frame stands for a tick. Here pictures
are upright and of their true aspect, which it leaves to the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.errors import InputError
from deepsound.media.views import Frame, Timeline

if TYPE_CHECKING:
    import numpy as np

IMAGEBIND_SIZE = 224
# Larger than any side of a frame: what is resized is the video's own picture.
_UNSCALED = 1 << 30
# Times are sums of fractions: half a tick is half a tick although its last bits say otherwise.
_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class ConstantRatePictures:
    """`pictures` uint8 [distinct, 3, height, width], and which of them each tick takes, in order."""

    pictures: Tensor
    rows: tuple[int, ...]

    def first(self, ticks: int, what: str) -> Tensor:
        """The pictures [ticks, 3, height, width]. Raises InputError where the video is too short for them."""
        if len(self.rows) < ticks:
            raise InputError(
                f"The video is too short for {what}: expected {ticks} pictures, got {len(self.rows)}; use a longer one."
            )
        return self.pictures[list(self.rows[:ticks])]


@dataclass(frozen=True)
class ConstantRateFrames:
    """A view of `ticks` pictures, `per_second` of them a second, repeated or left out as the video needs it.

    A tick takes the last frame that begins less than half a tick after it. `prepare` is a module's function from a
    picture uint8 [3, height, width] to the one that is kept. Result: Ticked.
    """

    per_second: float
    ticks: int
    prepare: Callable[[Tensor], Tensor]

    def start(self, timeline: Timeline) -> _ConstantRateCollector:
        return _ConstantRateCollector(self, _tick_of(timeline.duration_s, self.per_second))


class _ConstantRateCollector:
    def __init__(self, view: ConstantRateFrames, end: int) -> None:
        self._view = view
        self._end = min(end, view.ticks)
        self._shown: Frame | None = None
        self._pictures: list[Tensor] = []
        self._rows: list[int] = []
        self.done = False

    def see(self, frame: Frame) -> None:
        if not self.done:
            self._fill(_tick_of(frame.time_s, self._view.per_second))
            self._shown = frame

    def result(self) -> ConstantRatePictures:
        self._fill(self._end)
        return ConstantRatePictures(
            torch.stack(self._pictures) if self._pictures else torch.empty(0, 3, 0, 0), tuple(self._rows)
        )

    def _fill(self, until: int) -> None:
        """The ticks up to `until` take the frame on display."""
        missing = min(until, self._end) - len(self._rows)
        if self._shown is not None and missing > 0:
            self._rows.extend([len(self._pictures)] * missing)
            self._pictures.append(self._view.prepare(_channels_first(self._shown.rgb(_UNSCALED))))
        self.done = len(self._rows) >= self._end


def _tick_of(time_s: float, per_second: float) -> int:
    return math.floor(round(time_s * per_second, _DECIMALS) + 0.5)


def _channels_first(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def resize_short_side(picture: Tensor) -> Tensor:
    """A picture uint8 [3, height, width], its shorter side 224 pixels, by torchvision's bicubic of 8-bit values."""
    height, width = picture.shape[-2:]
    longer = int(IMAGEBIND_SIZE * max(height, width) / min(height, width))
    size = (longer, IMAGEBIND_SIZE) if height >= width else (IMAGEBIND_SIZE, longer)
    return F.interpolate(picture.unsqueeze(0), size, mode="bicubic", antialias=True, align_corners=False).squeeze(0)


def three_crops(pictures: Tensor) -> Tensor:
    """Squares [3, ..., 224, 224] of pictures [..., height, width]: both ends of the longer side, and its middle."""
    height, width = pictures.shape[-2:]
    middle = [math.ceil((side - IMAGEBIND_SIZE) / 2) for side in (height, width)]
    corners = (
        [(top, middle[1]) for top in (0, middle[0], height - IMAGEBIND_SIZE)]
        if height > width
        else [(middle[0], left) for left in (0, middle[1], width - IMAGEBIND_SIZE)]
    )
    return torch.stack(
        [pictures[..., top : top + IMAGEBIND_SIZE, left : left + IMAGEBIND_SIZE] for top, left in corners]
    )
