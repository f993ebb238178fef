"""Frame sampling for Seeing and Hearing: the first and last frame of each 1 s window."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.generate.aligner.front_ends import picture_values
from deepsound.generate.aligner.windows import frame_pairs, window_count
from deepsound.media.views import Frame, Timeline

# Longer than any side of a frame: pictures are resized from the video's own size.
_UNSCALED = 1 << 30
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class WindowPictures:
    """Distinct `pictures` float32 [B, 3, 224, 224] in [0, 1], and which two of them each window shows."""

    pictures: Tensor
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class WindowEdges:
    """A view of each window's first and last frame up to `until_s`; other frames are not even converted to RGB."""

    until_s: float = math.inf

    def start(self, timeline: Timeline) -> _EdgeCollector:
        duration_s = min(self.until_s, timeline.duration_s)
        frames = max(1, math.ceil(duration_s * timeline.fps - _ROUNDING))
        return _EdgeCollector(frame_pairs(frames, timeline.fps, window_count(duration_s)))


class _EdgeCollector:
    """Where a video has fewer frames than its rate says, the last one stands for those that are missing."""

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        self._pairs = pairs
        self._wanted = {number for pair in pairs for number in pair}
        self._pictures: dict[int, Tensor] = {}
        self._count = 0
        self._last: Frame | None = None
        self.done = False

    def see(self, frame: Frame) -> None:
        if self._count in self._wanted:
            self._pictures[self._count] = _picture(frame)
        self._last = frame
        self._count += 1
        self.done = len(self._pictures) == len(self._wanted)

    def result(self) -> WindowPictures:
        missing = self._wanted - self._pictures.keys()
        if missing and self._last is not None:
            self._pictures |= dict.fromkeys(missing, _picture(self._last))
        numbers = sorted(self._pictures)
        place = {number: row for row, number in enumerate(numbers)}
        pairs = tuple((place[first], place[last]) for first, last in self._pairs)
        return WindowPictures(torch.stack([self._pictures[number] for number in numbers]), pairs)


def _picture(frame: Frame) -> Tensor:
    pixels = torch.from_numpy(frame.rgb(_UNSCALED)).permute(2, 0, 1)
    return picture_values(pixels.unsqueeze(0).float() / 255)[0]
