"""Both picture sizes against torchvision's 8-bit resize, on a picture made by a formula."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.synchformer.preprocess import clip_picture, clip_values, sync_picture, sync_values
from tests.goldens.networks import tolerance

# 8-bit results are equal; their means are of 384 x 384 and 224 x 224 float32 values.
MEAN = 1e-6


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    for row in golden["rows"]:
        name = row["name"]
        picture = _formula_picture(row["height"], row["width"], row["k"])
        clip, sync = clip_picture(picture), sync_picture(picture)
        values = sync_values(sync)
        yield f"clip_{name}", clip[:, ::6, ::6], tensors[f"outputs/clip_{name}"], 0.0
        yield f"sync_{name}", sync[:, ::4, ::4], tensors[f"outputs/sync_{name}"], 0.0
        expected = torch.from_numpy(tensors[f"outputs/sync_float_{name}"])
        yield f"sync_float_{name}", values[:, ::32, ::32], expected, tolerance(expected)
        yield f"clip_mean_{name}", clip_values(clip).double().mean(), row["clip_mean"], MEAN
        yield f"sync_mean_{name}", values.double().mean(), row["sync_mean"], MEAN


def _formula_picture(height: int, width: int, k: int) -> torch.Tensor:
    c, y, x = np.ogrid[:3, :height, :width]
    return torch.from_numpy((((x * x * k) // 97 + y * (c + 2) + (x * y) // 11 + 40 * c) % 256).astype(np.uint8))
