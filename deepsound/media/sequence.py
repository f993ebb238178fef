"""A batch of images with a frame rate, read by the same frame consumers as a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from deepsound.errors import InputError
from deepsound.media.views import FrameConsumer, Timeline, is_done
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import torch

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ImageSequence:
    """`images` float [frames, height, width, 3 or more] in [0, 1], `fps` of them a second.

    Raises InputError for no image, another rank, or a rate that is no positive number.
    """

    images: torch.Tensor
    fps: float
    _results: dict[FrameConsumer[Any], Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[-1] < 3 or 0 in self.images.shape:
            raise InputError(
                "expected images [frames, height, width, 3 or more] with at least one frame, got "
                f"{list(self.images.shape)}; connect a batch of colour images."
            )
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(
                f"expected images with a positive frame rate, got {self.fps} fps; take it from the node that "
                "loaded them."
            )

    @property
    def duration_s(self) -> float:
        return len(self.images) / self.fps

    @property
    def timeline(self) -> Timeline:
        height, width = self.images.shape[1:3]
        return Timeline(self.duration_s, self.fps, width, height)

    def expect(self, *views: FrameConsumer[Any]) -> None:
        """Does nothing: images need no decoding pass."""

    def view(self, view: FrameConsumer[T], progress: Progress = Progress()) -> T:
        """The result of a frame consumer over the images; computed once, then cached."""
        if view not in self._results:
            collector = view.start(self.timeline)
            for index in progress.track(range(len(self.images)), len(self.images)):
                collector.see(_Image(self.images[index], index / self.fps))
                if is_done(collector):
                    break
            self._results[view] = collector.result()
        return cast(T, self._results[view])


def still_scene(image: torch.Tensor, duration_s: float) -> ImageSequence:
    """One image [height, width, 3 or more] in [0, 1] that is shown for so many seconds.

    Raises InputError for a duration that is no number above 0.
    """
    if not 0 < duration_s < math.inf:
        raise InputError(f"The duration is {duration_s}; give a number of seconds above 0.")
    return ImageSequence(image.unsqueeze(0), 1 / duration_s)


class _Image:
    """One image as a frame."""

    def __init__(self, image: torch.Tensor, time_s: float) -> None:
        self.time_s = time_s
        self._image = image

    def rgb(self, long_side: int) -> np.ndarray:
        return _scaled_down(as_bytes(self._image).numpy(), long_side)

    def gray(self, long_side: int) -> np.ndarray:
        from deepsound.media.pixels import gray

        return gray(self.rgb(long_side))


def as_bytes(image: torch.Tensor) -> torch.Tensor:
    """Float [..., height, width, 3 or more] in [0, 1] as uint8 [..., height, width, 3]: rounded, never wrapped."""
    import torch

    return (image[..., :3].detach().cpu().float().nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8)


def _scaled_down(picture: np.ndarray, long_side: int) -> np.ndarray:
    from deepsound.media.decode import fitted_size

    height, width = picture.shape[:2]
    size = fitted_size(width, height, long_side)
    if size == (width, height):
        return picture
    from deepsound.media.pixels import resize

    return resize(picture, *size)
