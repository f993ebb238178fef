"""Parts of the flow network's blocks. Sequences are channel-last everywhere: [B, length, width]."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_THETA = 10000.0
# torch before 2.11 may take the epsilon of the dtype at hand; the networks ran with float32's in every dtype.
_RMS_EPS = torch.finfo(torch.float32).eps
_LAYER_NORM_EPS = 1e-5


class Conv(nn.Conv1d):
    """A convolution along a channel-last sequence that keeps its length."""

    def __init__(self, width: int, out: int, kernel_size: int) -> None:
        super().__init__(width, out, kernel_size, padding=kernel_size // 2)

    def forward(self, sequence: Tensor) -> Tensor:
        return super().forward(sequence.transpose(1, 2)).transpose(1, 2)


class GatedMlp(nn.Module):
    """w2(silu(w1 x) * w3 x) without biases."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(sequence)) * self.w3(sequence))


class GatedConvMlp(nn.Module):
    """The gated MLP with convolutions along the sequence for its linear maps."""

    def __init__(self, width: int, inner: int, kernel_size: int = 3) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.w1 = nn.Conv1d(width, inner, kernel_size, padding=padding, bias=False)
        self.w2 = nn.Conv1d(inner, width, kernel_size, padding=padding, bias=False)
        self.w3 = nn.Conv1d(width, inner, kernel_size, padding=padding, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        channels_first = sequence.transpose(1, 2).contiguous()  # one copy for both convolutions
        return self.w2(F.silu(self.w1(channels_first)) * self.w3(channels_first)).transpose(1, 2)


@lru_cache(maxsize=32)
def time_frequencies(features: int, scale: float, device: torch.device) -> Tensor:
    """[features / 2] frequencies, falling from `scale`, in float32."""
    # Computed on the CPU in this order: v2 multiplies them by up to 10000 radians, where the last bit is seen.
    with torch.inference_mode(False):
        exponents = torch.arange(0, features, 2, dtype=torch.float32, device="cpu") / features
        return (scale / _THETA**exponents).to(device)


class TimeEmbedding(nn.Module):
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


class Rotation(NamedTuple):
    """Cosines and sines [length, head_dim / 2] that turn adjacent pairs of queries and keys."""

    cos: Tensor
    sin: Tensor


@lru_cache(maxsize=32)
def rotation(length: int, head_dim: int, frequency_scale: float, device: torch.device) -> Rotation:
    """Rotary positions 0 to length - 1, their frequencies multiplied by `frequency_scale`, in float32."""
    with torch.inference_mode(False):
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device="cpu") / head_dim
        positions = torch.arange(length, dtype=torch.float32, device="cpu")
        angles = positions[:, None] * (1.0 / _THETA**exponents * frequency_scale)
        return Rotation(angles.cos().to(device), angles.sin().to(device))


def rotate(heads: Tensor, by: Rotation) -> Tensor:
    """`heads` [B, heads, length, head_dim] turned in float32, in their own dtype."""
    first, second = heads.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((by.cos * first - by.sin * second, by.sin * first + by.cos * second), dim=-1)
    return turned.flatten(-2).to(heads.dtype)


class Projected(NamedTuple):
    """Queries, keys and values, [B, heads, length, head_dim] each."""

    query: Tensor
    key: Tensor
    value: Tensor


class HeadProjection(nn.Module):
    """What one stream brings to an attention: normalised and rotated queries and keys, and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // heads, eps=_RMS_EPS)
        self.k_norm = nn.RMSNorm(width // heads, eps=_RMS_EPS)

    def forward(self, sequence: Tensor, positions: Rotation | None) -> Projected:
        # Published rows lie by head, then by channel, then query, key, value: not in three blocks.
        by_head = self.qkv(sequence).unflatten(-1, (self.heads, -1, 3)).permute(4, 0, 2, 1, 3).contiguous()
        query, key, value = by_head.unbind(0)
        query, key = self.q_norm(query), self.k_norm(key)
        if positions is not None:
            query, key = rotate(query, positions), rotate(key, positions)
        return Projected(query, key, value)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[B, queries, width] of heads [B, heads, length, head_dim]."""
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def modulate(sequence: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`sequence` normalised without learned weights, then scaled by 1 + `scale` and shifted."""
    normalised = F.layer_norm(sequence, sequence.shape[-1:], eps=_LAYER_NORM_EPS)
    return normalised * (1 + scale) + shift
