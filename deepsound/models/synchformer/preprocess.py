"""Image preprocessing for MMAudio's CLIP and Synchformer encoders.

Resizing works on 8-bit values and gives 8-bit values: rounding and saturation in both passes of the bicubic filter are
part of what the encoders know, and resizing float pictures gives others. So a picture is 8-bit until it is resized,
and it is resized on the CPU, whatever device encodes it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CLIP_SIZE = 384
SYNC_SIZE = 224


def clip_picture(picture: Tensor) -> Tensor:
    """A picture uint8 [3, height, width] as [3, 384, 384]; its aspect is not kept."""
    return _resize(picture, CLIP_SIZE, CLIP_SIZE)


def sync_picture(picture: Tensor) -> Tensor:
    """The middle of a picture uint8 [3, height, width] as [3, 224, 224], its shorter side as a whole."""
    height, width = picture.shape[-2:]
    short = min(height, width)
    resized = _resize(picture, SYNC_SIZE * height // short, SYNC_SIZE * width // short)
    top, left = (round((side - SYNC_SIZE) / 2) for side in resized.shape[-2:])
    return resized[..., top : top + SYNC_SIZE, left : left + SYNC_SIZE]


def squeezed_sync_picture(picture: Tensor) -> Tensor:
    """A picture uint8 [3, height, width] as [3, 224, 224], all of it, as SelVA: its aspect is not kept."""
    return _resize(picture, SYNC_SIZE, SYNC_SIZE)


def clip_values(pictures: Tensor) -> Tensor:
    """uint8 as float32 in [0, 1], which is what `models.clip` takes."""
    return pictures / 255


def sync_values(pictures: Tensor) -> Tensor:
    """uint8 as float32 in [-1, 1], which is what `models.synchformer` takes."""
    return (pictures / 255 - 0.5) / 0.5


def _resize(picture: Tensor, height: int, width: int) -> Tensor:
    if picture.dtype != torch.uint8:
        raise TypeError(f"Pictures are resized as uint8, not as {picture.dtype}.")
    batch = picture.cpu().unsqueeze(0)
    return F.interpolate(batch, (height, width), mode="bicubic", antialias=True, align_corners=False).squeeze(0)
