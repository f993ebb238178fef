"""CLIP's transformer blocks (arXiv 2103.00020), named as in open_clip."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from deepsound.models.packed_attention import PackedAttention


class QuickGelu(nn.Module):
    """The original CLIP's stand-in for GELU; networks trained with it need it."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * torch.sigmoid(1.702 * tokens)


class ResidualAttentionBlock(nn.Module):
    """Pre-norm transformer block: packed attention, then an MLP."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, quick_gelu: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = PackedAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        inner = int(mlp_ratio * width)
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, inner),
                gelu=QuickGelu() if quick_gelu else nn.GELU(),
                c_proj=nn.Linear(inner, width),
            )
        )

    def forward(self, tokens: Tensor, causal: bool = False, keep: int | None = None) -> Tensor:
        """[B, tokens, width]; with `keep` only the first so many tokens come out, and only they are computed."""
        context = self.ln_1(tokens)
        tokens = tokens[:, :keep] + self.attn(context[:, :keep], context, causal)
        return tokens + self.mlp(self.ln_2(tokens))


class ClipTransformer(nn.Module):
    """The blocks of a CLIP encoder, one after the other."""

    def __init__(self, width: int, layers: int, heads: int, mlp_ratio: float, quick_gelu: bool) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(
            ResidualAttentionBlock(width, heads, mlp_ratio, quick_gelu) for _ in range(layers)
        )

    def forward(self, tokens: Tensor, causal: bool = False, keep: int | None = None) -> Tensor:
        """[B, tokens, width]; with `keep` the first so many tokens of the last layer."""
        last = len(self.resblocks) - 1
        for index, block in enumerate(self.resblocks):
            tokens = block(tokens, causal, keep if index == last else None)
        return tokens
