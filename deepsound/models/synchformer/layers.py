"""Divided space-time attention blocks and spatial aggregation of Synchformer."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.cpu_attention import scaled_dot_product_attention
from deepsound.models.mlp import Mlp
from deepsound.models.packed_attention import PackedAttention
from deepsound.models.synchformer.config import SynchformerConfig

Axis = Literal["time", "space"]


class DividedAttention(nn.Module):
    """Each patch attends along one axis and to the class token; the class token attends to everything."""

    def __init__(self, config: SynchformerConfig, axis: Axis) -> None:
        super().__init__()
        self.heads = config.heads
        self.time_steps = config.time_steps
        self.axis = axis
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=config.qkv_bias)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, 1 + time_steps * patches, width], the class token first, then the patches in order of time."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, heads, tokens, width / heads]
        of_class = scaled_dot_product_attention(query[:, :, :1], key, value)
        of_patches = scaled_dot_product_attention(
            self._lines(query[:, :, 1:]), self._lines_after_class(key), self._lines_after_class(value)
        )
        attended = torch.cat((of_class, self._merge_lines(of_patches, tokens.shape[0])), dim=2)
        return self.proj(attended.transpose(1, 2).flatten(2))

    def _lines(self, patches: Tensor) -> Tensor:
        """The patches that see each other, as a batch of their own: [B * lines, heads, patches in a line, -1]."""
        grid = patches.unflatten(2, (self.time_steps, -1))  # [B, heads, time, place, -1]
        grid = grid.permute(0, 3, 1, 2, 4) if self.axis == "time" else grid.permute(0, 2, 1, 3, 4)
        return grid.flatten(0, 1)

    def _lines_after_class(self, tokens: Tensor) -> Tensor:
        lines = self._lines(tokens[:, :, 1:])
        class_token = tokens[:, :, :1].repeat_interleave(lines.shape[0] // tokens.shape[0], dim=0)
        return torch.cat((class_token, lines), dim=2)

    def _merge_lines(self, lines: Tensor, batch: int) -> Tensor:
        """Undoes `_lines`: [B, heads, time * place, -1]."""
        grid = lines.unflatten(0, (batch, -1))
        grid = grid.permute(0, 2, 3, 1, 4) if self.axis == "time" else grid.permute(0, 2, 1, 3, 4)
        return grid.flatten(2, 3)


class DividedBlock(nn.Module):
    """Attention over time, then over space, then the MLP, each on normalised tokens and added."""

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.attn = DividedAttention(config, "space")
        self.timeattn = DividedAttention(config, "time")
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.mlp = Mlp(config.width, config.mlp_width)
        self.norm3 = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.timeattn(self.norm3(tokens))
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class SpatialSummary(nn.Module):
    """One transformer layer whose class token sums up a time step's patches.

    Only the class token leaves the layer, so only its query and its MLP are computed.
    """

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.self_attn = PackedAttention(config.width, config.heads)
        self.linear1 = nn.Linear(config.width, config.mlp_width)
        self.linear2 = nn.Linear(config.mlp_width, config.width)
        self.norm1 = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.norm2 = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, patches: Tensor) -> Tensor:
        """[N, patches, width] -> [N, width]."""
        summary = self.cls_token.expand(patches.shape[0], -1, -1)
        context = self.norm1(torch.cat((summary, patches), dim=1))
        summary = summary + self.self_attn(context[:, :1], context)
        summary = summary + self.linear2(F.gelu(self.linear1(self.norm2(summary))))
        return summary.squeeze(1)
