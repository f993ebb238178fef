"""Frame sampling and preprocessing of VideoLLaMA2: uniform frames, squared.

At inference the published model never sees bars: whatever the picture's shape, it is squeezed to fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from deepsound.media.scene import Scene
from deepsound.media.views import Frame, Timeline
from deepsound.runtime.digests import digest_of
from deepsound.runtime.packages import missing_package
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

# Longer than any side of a frame: pictures are squeezed from the video's own size.
UNSCALED = 1 << 30
_GREY = 127


def frame_numbers(frames: int, count: int) -> list[int]:
    """Which `count` of `frames` frames are taken: the middles of equal stretches; a short clip repeats some."""
    stretch = (frames - 1) / count
    # As published, in this order of floats: halves are rounded up and not to even, where the sum is not below them.
    return [round((stretch * index + stretch * (index + 1)) / 2 + 1e-6) for index in range(count)]


def resize_to_square(picture: np.ndarray, size: int) -> np.ndarray:
    """A picture uint8 [height, width, 3] as [size, size, 3], by Pillow's bicubic filter; its aspect is not kept."""
    return np.asarray(_image(picture).resize((size, size), resample=_bicubic()))


def pad_to_square(picture: np.ndarray) -> np.ndarray:
    """A picture uint8 [height, width, 3] in the middle of a grey square, as the model saw pictures in training."""
    height, width = picture.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), _GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def pixel_values(pictures: np.ndarray) -> Tensor:
    """Pictures uint8 [frames, size, size, 3] as float32 [frames, 3, size, size] in [-1, 1]."""
    values = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() * (1 / 255)
    return ((values - 0.5) / 0.5).contiguous()


@dataclass(frozen=True, eq=False)
class Frames:
    """`pictures` uint8 [count, size, size, 3], the `numbers` their frames have in the clip, and how many it has."""

    pictures: np.ndarray
    numbers: tuple[int, ...]
    of: int

    def digest(self) -> str:
        """What is seen, as a digest of the pixels."""
        return digest_of(self.pictures.tobytes(), repr(self.pictures.shape))


@dataclass(frozen=True)
class EvenFrames:
    """A view of `count` frames of a clip that has `of` frames, or as many as its rate says; result: Frames.

    With `pad` pictures are padded to a square, as in training, and not squeezed into one.
    """

    count: int = 16
    size: int = 384
    of: int | None = None
    pad: bool = False

    def start(self, timeline: Timeline) -> _EvenFrameCollector:
        expected = self.of or max(1, round(timeline.duration_s * timeline.fps))
        return _EvenFrameCollector(self, frame_numbers(expected, self.count))


def even_frames(clip: Scene, view: EvenFrames, progress: Progress) -> Frames:
    """The frames of `view`, exactly by number: a clip whose rate misled about how many it has is decoded again."""
    frames = clip.view(view, progress)
    if list(frames.numbers) != frame_numbers(frames.of, view.count):
        frames = clip.view(replace(view, of=frames.of), progress)
    return frames


class _EvenFrameCollector:
    def __init__(self, view: EvenFrames, wanted: list[int]) -> None:
        self._view = view
        self._wanted = wanted
        self._seen = 0
        self._kept: list[tuple[int, np.ndarray]] = []
        self._last: Frame | None = None

    def see(self, frame: Frame) -> None:
        if self._seen in self._wanted:
            self._kept.append((self._seen, self._square(frame)))
        self._seen += 1
        self._last = frame

    def result(self) -> Frames:
        if not self._kept and self._last is not None:
            self._kept.append((self._seen - 1, self._square(self._last)))
        pictures = dict(self._kept)
        numbers = [number if number in pictures else max(pictures) for number in self._wanted]
        return Frames(np.stack([pictures[number] for number in numbers]), tuple(numbers), self._seen)

    def _square(self, frame: Frame) -> np.ndarray:
        picture = frame.rgb(UNSCALED)
        return resize_to_square(pad_to_square(picture) if self._view.pad else picture, self._view.size)


def _image(picture: np.ndarray) -> Image:
    try:
        from PIL import Image
    except ImportError as error:
        raise missing_package("VideoLLaMA2 resizes frames with Pillow, which is not installed", "pillow") from error
    return Image.fromarray(picture)


def _bicubic() -> int:
    from PIL import Image

    return Image.Resampling.BICUBIC
