"""Tensors from the waveforms and images that other packs' nodes deliver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepsound.errors import InputError

if TYPE_CHECKING:
    import torch


def tensor_of(values: Any) -> torch.Tensor | None:
    """A tensor on the CPU, outside any graph, that shares memory where it can; None for anything but an array."""
    import torch

    if isinstance(values, torch.Tensor):
        return values.detach().cpu()
    if not hasattr(values, "__array__") or not hasattr(values, "dtype"):
        return None
    try:
        return torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


def images_of(images: Any, what: str = "images") -> torch.Tensor:
    """An IMAGE batch as [frames, height, width, 3]; grey is repeated, alpha left out, bytes scaled to [0, 1].

    Takes a single [height, width, channels] too, a MASK [frames, height, width], and a list of images of one size.
    Raises InputError for anything else.
    """
    import torch

    if isinstance(images, Sequence) and not isinstance(images, (str, bytes)) and len(images):
        batches = [images_of(image, what) for image in images]
        if len({batch.shape[1:] for batch in batches}) > 1:
            raise InputError(f"{what}: images of several sizes arrived; bring them to one size first.")
        return torch.cat(batches)
    batch = tensor_of(images)
    if batch is None:
        raise InputError(f"{what}: no images arrived ({type(images).__name__}); connect a node that makes IMAGE.")
    if batch.ndim == 3:
        # [height, width, channels] is one image; [frames, height, width] are masks.
        batch = batch[None] if batch.shape[-1] <= _MOST_CHANNELS else batch[..., None]
    if batch.ndim != 4 or not 1 <= batch.shape[-1] <= _MOST_CHANNELS or 0 in batch.shape[1:]:
        raise InputError(
            f"{what}: expected images [frames, height, width, 1 to 4 channels], got {list(batch.shape)}; repair the "
            "node that made them."
        )
    if batch.dtype == torch.uint8:
        batch = batch.float() / 255
    return batch[..., :3] if batch.shape[-1] >= 3 else batch[..., :1].expand(*batch.shape[:3], 3)


def has_alpha(images: Any) -> bool:
    """Whether images have a channel that `images_of` leaves out."""
    shape: Sequence[int] = getattr(images, "shape", ())
    return len(shape) == 4 and shape[-1] in (2, 4)


_MOST_CHANNELS = 4
