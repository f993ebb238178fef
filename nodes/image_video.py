"""The picture of judge, mux and pipeline: a VIDEO, or an IMAGE batch at a frame rate."""

from __future__ import annotations

import weakref
from typing import Any

from comfy_api.latest import InputImpl, io

from deepsound.errors import InputError
from deepsound.media.image_video import write_frames
from deepsound.runtime.progress import Progress

from . import host_folders
from .convert import owning
from .schema import supported_kwargs
from .tensors import has_alpha, images_of

# A single image is a still picture, whatever its rate.
_STILL_FPS = 25.0
ENCODED = "The picture came as images: it is encoded as H.264 (CRF 14) at {fps:g} frames a second."
# The VIDEO of a batch of images, while these exist: the nodes of one graph encode them once.
_MADE: dict[tuple[int, float], Any] = {}


def picture_input(tooltip: str) -> io.Input:
    """A socket for a VIDEO or for images, whose rate is the node's `fps`."""
    return io.MultiType.Input("video", [io.Video, io.Image], tooltip=f"{tooltip} A video, or images with their fps.")


def image_rate_input() -> io.Float.Input:
    """The frame rate of images, where saved graphs lack the input."""
    return io.Float.Input(
        "fps",
        default=0.0,
        min=0.0,
        max=1000.0,
        step=0.001,
        optional=True,
        tooltip="Frames per second where images are connected in place of a video; a video has its own.",
        **supported_kwargs(io.Float.Input, advanced=True),
    )


def as_video(picture: Any, fps: float, progress: Progress) -> Any:
    """`picture` as it is where it is a VIDEO; of images a VIDEO at `fps`, which lives in the temporary folder.

    The caller holds on to it while it uses the file. Raises InputError for several images without a rate.
    """
    if not is_images(picture):
        return picture
    images = images_of(picture)
    rate = float(fps) or (_STILL_FPS if len(images) == 1 else 0.0)
    if rate <= 0:
        raise InputError(f"fps: expected the rate of the {len(images)} images, got 0; set it to that of their source.")
    known = _MADE.get((id(picture), rate))
    return known if known is not None else _remember(picture, rate, _encode(picture, images, rate, progress))


def is_images(picture: Any) -> bool:
    """Whether it has what an IMAGE has and a VIDEO has not: a shape, or a list of such."""
    return hasattr(picture, "shape") or isinstance(picture, (list, tuple))


def encoding_notes(picture: Any, video: Any, fps: float) -> list[str]:
    """What is said where the saved picture was encoded of images."""
    return [] if video is picture else [ENCODED.format(fps=fps or _STILL_FPS)]


def _encode(picture: Any, images: Any, rate: float, progress: Progress) -> Any:
    if has_alpha(picture):
        progress.note("The images' alpha channel is ignored.")
    path = host_folders.temp_path(".mp4")
    write_frames(images, rate, path, progress.part(0.0, 0.2))
    return owning(InputImpl.VideoFromFile(str(path)), path)


def _remember(picture: Any, rate: float, video: Any) -> Any:
    key = (id(picture), rate)
    try:
        weakref.finalize(picture, _MADE.pop, key, None).atexit = False
    except TypeError:
        # Cannot be watched: encoded again by each node.
        return video
    _MADE[key] = video
    return video
