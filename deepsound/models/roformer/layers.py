"""Axial transformer layers with rotary position embedding (RoPE); tensors are channel-last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.cpu_attention import scaled_dot_product_attention

_LINEAR_SCALE = 8.0
_FF_FACTOR = 4


class RMSNorm(nn.Module):
    """x / |x| * sqrt(dim) * gamma, the length in float32; without an epsilon in the mean, unlike torch's own."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = dim**0.5
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        return (F.normalize(tokens.float(), dim=-1) * (self.scale * self.gamma)).to(tokens.dtype)


class RotaryFrequencies(nn.Module):
    """Radians per step, [dim_head / 2]. One module serves all transformers of an axis: files repeat it per layer."""

    def __init__(self, dim_head: int) -> None:
        super().__init__()
        exponents = torch.arange(0, dim_head, 2).float() / dim_head
        self.freqs = nn.Parameter(1.0 / 10000.0**exponents, requires_grad=False)

    def forward(self, length: int) -> Tensor:
        """Complex [length, dim_head / 2]: what to multiply adjacent pairs of queries and keys with."""
        # In float32 whatever the network runs in: in float16 the angle at frame 800 is off by up to 0.18 rad.
        with torch.autocast(self.freqs.device.type, enabled=False):
            positions = torch.arange(length, device=self.freqs.device, dtype=torch.float32)
            angles = positions[:, None] * self.freqs.float()
            return torch.complex(angles.cos(), angles.sin())


def apply_rotary_emb(heads: Tensor, by: Tensor) -> Tensor:
    """`heads` [N, heads, length, dim_head] rotated by `by`, complex [length, dim_head / 2], in float32."""
    pairs = torch.view_as_complex(heads.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * by).flatten(-2).to(heads.dtype)


class RoformerAttention(nn.Module):
    """Full attention with rotary positions; each head's answer is gated by what the query's token holds."""

    def __init__(self, dim: int, heads: int, dim_head: int, rotary_embed: RotaryFrequencies) -> None:
        super().__init__()
        self.heads = heads
        self.rotary_embed = rotary_embed
        self.norm = RMSNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * heads * dim_head, bias=False)
        self.to_gates = nn.Linear(dim, heads)
        self.to_out = nn.Sequential(nn.Linear(heads * dim_head, dim, bias=False))

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        tokens = self.norm(tokens)
        query, key, value = split_heads(self.to_qkv(tokens), self.heads)
        query, key = apply_rotary_emb(query, positions), apply_rotary_emb(key, positions)
        attended = scaled_dot_product_attention(query, key, value).transpose(1, 2)  # [N, length, heads, dim_head]
        return self.to_out((attended * self.to_gates(tokens).sigmoid().unsqueeze(-1)).flatten(2))


class LinearAttention(nn.Module):
    """Attention among channels instead of tokens (XCiT, arXiv 2106.09681), at a cost linear in the length."""

    def __init__(self, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RMSNorm(dim)
        self.to_qkv = nn.Sequential(nn.Linear(dim, 3 * heads * dim_head, bias=False))
        self.temperature = nn.Parameter(torch.zeros(heads, 1, 1))
        # The published index of the linear map follows a reshaping that has no weights.
        self.to_out = nn.Sequential(nn.Identity(), nn.Linear(heads * dim_head, dim, bias=False))

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = split_heads(self.to_qkv(self.norm(tokens)), self.heads)
        query, key = F.normalize(query, dim=-2), F.normalize(key, dim=-2)  # over the tokens
        query = query * self.temperature.exp()
        attended = F.scaled_dot_product_attention(
            query.transpose(-1, -2), key.transpose(-1, -2), value.transpose(-1, -2), scale=_LINEAR_SCALE
        )
        return self.to_out(attended.permute(0, 3, 1, 2).flatten(2))


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values [N, heads, length, dim_head] of [N, length, 3 * heads * dim_head]."""
    return qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)


class FeedForward(nn.Module):
    """Pre-norm feed-forward layer: [..., dim] -> [..., dim]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        inner = _FF_FACTOR * dim
        # The places of the published dropouts stay empty.
        self.net = nn.Sequential(RMSNorm(dim), nn.Linear(dim, inner), nn.GELU(), nn.Identity(), nn.Linear(inner, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.net(tokens)


class Transformer(nn.Module):
    """`depth` blocks of attention and feed-forward, each added to what goes in, [N, length, dim]."""

    def __init__(
        self, dim: int, depth: int, heads: int, dim_head: int, rotary_embed: RotaryFrequencies | None, norm_output: bool
    ) -> None:
        super().__init__()
        self.rotary_embed = [rotary_embed]  # in a list, so that its weights are published by the attentions alone
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (
                    LinearAttention(dim, heads, dim_head)
                    if rotary_embed is None
                    else RoformerAttention(dim, heads, dim_head, rotary_embed),
                    FeedForward(dim),
                )
            )
            for _ in range(depth)
        )
        self.norm = RMSNorm(dim) if norm_output else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        rotary = self.rotary_embed[0]
        positions = () if rotary is None else (rotary(tokens.shape[1]),)
        for attention, feed_forward in cast(Iterable[nn.ModuleList], self.layers):
            tokens = tokens + attention(tokens, *positions)
            tokens = tokens + feed_forward(tokens)
        return self.norm(tokens)
