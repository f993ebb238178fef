"""Magnitude-preserving 1-D layers (EDM2, arXiv 2312.02696): unit variance in and out.

Their weights are normalised once when they are loaded (`weights.py`); from then on a magnitude-preserving convolution
is a plain one without bias.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-4
_SILU_MAGNITUDE = 0.596
_RESIDUAL_SHARE = 0.3


def conv(in_channels: int, out_channels: int, kernel: int) -> nn.Conv1d:
    """Convolution without bias that keeps the length."""
    return nn.Conv1d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)


def pixel_norm(x: Tensor, dim: int) -> Tensor:
    """`x` with a root mean square of 1 along `dim`; the norm is summed in float32."""
    norm = torch.linalg.vector_norm(x, dim=dim, keepdim=True, dtype=torch.float32)
    return x / (NORM_EPS + norm / math.sqrt(x.shape[dim])).to(x.dtype)


def mp_silu(x: Tensor) -> Tensor:
    """SiLU that keeps the magnitude (EDM2, arXiv 2312.02696)."""
    return F.silu(x) / _SILU_MAGNITUDE


def mp_sum(x: Tensor, branch: Tensor) -> Tensor:
    """Weighted sum of a residual path and its branch that keeps the magnitude (EDM2)."""
    keep = 1.0 - _RESIDUAL_SHARE
    return torch.lerp(x, branch, _RESIDUAL_SHARE) / math.hypot(keep, _RESIDUAL_SHARE)


class ResnetBlock1D(nn.Module):
    """Two convolutions beside a shortcut: [B, in_channels, T] to [B, out_channels, T]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, out_channels, 3)
        self.conv2 = conv(out_channels, out_channels, 3)
        if in_channels != out_channels:
            self.nin_shortcut = conv(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = pixel_norm(x, dim=1)
        branch = self.conv2(mp_silu(self.conv1(mp_silu(x))))
        if hasattr(self, "nin_shortcut"):
            x = self.nin_shortcut(x)
        return mp_sum(x, branch)


class AttnBlock1D(nn.Module):
    """One head over time, with queries, keys and values each normalised over channels: [B, C, T] to [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = conv(channels, 3 * channels, 1)
        self.proj_out = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        # The published weights interleave query, key and value along the channels.
        interleaved = self.qkv(x).unflatten(1, (-1, 3))  # [B, C, 3, T]
        q, k, v = pixel_norm(interleaved, dim=1).permute(2, 0, 3, 1).unsqueeze(2)  # [3, B, 1, T, C]
        attended = F.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2)
        return mp_sum(x, self.proj_out(attended))


class MiddleBlock(nn.Module):
    """Block, attention, block at the lowest resolution: [B, C, T] to [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock1D(channels, channels)
        self.attn_1 = AttnBlock1D(channels)
        self.block_2 = ResnetBlock1D(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.block_2(self.attn_1(self.block_1(x)))


class Downsample1D(nn.Module):
    """[B, C, T] to [B, C, T // 2]: an odd last frame is dropped."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, 1)
        self.conv2 = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(F.avg_pool1d(self.conv1(x), 2))


class Upsample1D(nn.Module):
    """[B, C, T] to [B, C, 2 T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.repeat_interleave(2, dim=-1))
