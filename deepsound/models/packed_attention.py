"""Multi-head attention with torch's packed `in_proj` parameters.

torch's own module takes other paths through the same mathematics by mode, head count and gradient; this one does not,
and its queries may be fewer than its keys.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.cpu_attention import scaled_dot_product_attention


class PackedAttention(nn.Module):
    """Attention of `queries` [B, Q, width] over `context` [B, K, width], both projected by thirds of `in_proj`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, queries: Tensor, context: Tensor, causal: bool = False) -> Tensor:
        """[B, Q, width]; `causal` lets each of as many queries as keys see itself and what is before it."""
        width = queries.shape[-1]
        query = F.linear(queries, self.in_proj_weight[:width], self.in_proj_bias[:width])
        key, value = F.linear(context, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, dim=-1)
        attended = scaled_dot_product_attention(
            self._by_head(query), self._by_head(key), self._by_head(value), is_causal=causal
        )
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def _by_head(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, tokens, width / heads]
