"""Image preprocessing for FoleyCrafter's onset detector and CLIP image encoder.

The onset detector was published with a slip that its results depend on: values from 0 to 255 are normalised with the
mean and deviation of values from 0 to 1, so it sees numbers of up to 1130 and knows no others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ONSET_SIZE = 112
CLIP_SIZE = 224

_ONSET_RESIZED = 128
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


def onset_picture(picture: np.ndarray) -> Tensor:
    """A picture uint8 [height, width, 3] as float32 [3, 112, 112] from 0 to 255: squeezed to a square, then cut."""
    batch = torch.from_numpy(picture).permute(2, 0, 1).unsqueeze(0).float()
    size = (_ONSET_RESIZED, _ONSET_RESIZED)
    squeezed = F.interpolate(batch, size, mode="bilinear", antialias=True, align_corners=False)
    edge = (_ONSET_RESIZED - ONSET_SIZE) // 2
    return squeezed[0, :, edge : edge + ONSET_SIZE, edge : edge + ONSET_SIZE]


def onset_values(pictures: Tensor) -> Tensor:
    """Pictures [..., 3, 112, 112] from 0 to 255 as the detector takes them."""
    return _normalize(pictures, _IMAGENET)


def clip_picture(picture: np.ndarray) -> np.ndarray:
    """A picture uint8 [height, width, 3] as uint8 [3, 224, 224]: its shorter side as a whole, by Pillow's bicubic."""
    image, bicubic = _pillow(picture)
    short, long = min(image.size), max(image.size)
    resized_long = int(CLIP_SIZE * long / short)
    wide = image.width >= image.height
    resized = image.resize((resized_long, CLIP_SIZE) if wide else (CLIP_SIZE, resized_long), resample=bicubic)
    left, top = (resized.width - CLIP_SIZE) // 2, (resized.height - CLIP_SIZE) // 2
    cut = np.asarray(resized)[top : top + CLIP_SIZE, left : left + CLIP_SIZE]
    return np.ascontiguousarray(cut.transpose(2, 0, 1))


def clip_values(pictures: Tensor) -> Tensor:
    """Pictures uint8 [..., 3, 224, 224] as CLIP takes them."""
    return _normalize(pictures.float() * (1 / 255), _CLIP)


def _normalize(values: Tensor, statistics: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    mean, deviation = (values.new_tensor(numbers)[:, None, None] for numbers in statistics)
    return (values - mean) / deviation


def _pillow(picture: np.ndarray) -> tuple[Any, Any]:
    from PIL import Image

    return Image.fromarray(picture), Image.Resampling.BICUBIC
