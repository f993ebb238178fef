"""Vision transformer blocks of PaSST, with timm's parameter names."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.mlp import Mlp
from deepsound.models.passt.config import PasstConfig


class PasstAttention(nn.Module):
    """Multi-head self-attention with one projection for queries, keys and values."""

    def __init__(self, config: PasstConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, tokens: Tensor, keep: int | None = None) -> Tensor:
        """[B, tokens, width]; with `keep` the first so many tokens, which attend to all."""
        query, key, value = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query[:, :, :keep], key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class PasstBlock(nn.Module):
    """Pre-norm transformer block of PaSST."""

    def __init__(self, config: PasstConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.attn = PasstAttention(config)
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.mlp = Mlp(config.width, config.mlp_width)

    def forward(self, tokens: Tensor, keep: int | None = None) -> Tensor:
        """[B, tokens, width]; with `keep` only the first so many tokens come out, and only they are computed."""
        tokens = tokens[:, :keep] + self.attn(self.norm1(tokens), keep)
        return tokens + self.mlp(self.norm2(tokens))
