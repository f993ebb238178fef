"""Timestep embedding and adaptive layer norm (AdaLN) modulation of MMAudio."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SLOWEST = 10000.0
_LAYER_NORM_EPS = 1e-5


@lru_cache(maxsize=32)
def time_frequencies(features: int, scale: float, device: torch.device) -> Tensor:
    """[features / 2] frequencies, falling from `scale`, in float32."""
    # Computed on the CPU in this order: v2 multiplies them by up to 10000 radians, where the last bit is seen.
    with torch.inference_mode(False):
        exponents = torch.arange(0, features, 2, dtype=torch.float32, device="cpu") / features
        return (scale / _SLOWEST**exponents).to(device)


class TimestepEmbedder(nn.Module):
    """Flow times [B] -> [B, width]."""

    def __init__(self, features: int, scale: float, width: int) -> None:
        super().__init__()
        self.features = features
        self.scale = scale
        self.mlp = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))

    def frequencies(self, time: Tensor) -> Tensor:
        """[features / 2], rounded to the dtype of `time`, as the networks had them rounded with their weights."""
        return time_frequencies(self.features, self.scale, time.device).to(time.dtype)

    def sinusoid(self, time: Tensor) -> Tensor:
        """[B, features], cosines first, in the dtype of `time`."""
        angles = time.float()[:, None] * self.frequencies(time).float()
        return torch.cat((angles.cos(), angles.sin()), dim=-1).to(time.dtype)

    def forward(self, time: Tensor) -> Tensor:
        return self.mlp(self.sinusoid(time))


def modulate(sequence: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`sequence` normalised without learned weights, then scaled by 1 + `scale` and shifted."""
    normalised = F.layer_norm(sequence, sequence.shape[-1:], eps=_LAYER_NORM_EPS)
    return torch.addcmul(shift, normalised, 1 + scale)
