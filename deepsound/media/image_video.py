"""Encodes images with a frame rate to an H.264 file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import av
    import torch

# x264's scale runs from 0 (lossless) to 51; at 14 nobody sees a difference, and the file stays small.
_OPTIONS = {"crf": "14", "preset": "veryfast"}


def write_frames(images: torch.Tensor, fps: Fraction | float, path: Path, progress: Progress) -> None:
    """Write `images` [frames, height, width, 3] in [0, 1], `fps` of them a second, to `path` as H.264 in MP4.

    Keeps the exact frame rate and takes odd sizes (the last row or column is doubled).
    """
    from deepsound.media.files import atomic_write

    if images.shape[0] == 0:
        raise InputError("The video has no frames; check what made it.")
    with atomic_write(path) as partial:
        _encode(images, Fraction(fps).limit_denominator(100_000), partial, progress)


def _encode(images: torch.Tensor, fps: Fraction, path: Path, progress: Progress) -> None:
    import av

    height, width = images.shape[1:3]
    with av.open(str(path), "w", format="mp4") as container:
        stream: av.VideoStream = container.add_stream("libx264", rate=fps, options=_OPTIONS)
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        for image in progress.track(images, len(images)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_even(image), format="rgb24")))
        container.mux(stream.encode())


def _even(image: torch.Tensor) -> Any:
    """The picture as uint8 [height, width, 3] with even sides."""
    import numpy as np

    from deepsound.media.sequence import as_bytes

    pixels = as_bytes(image).numpy()
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
