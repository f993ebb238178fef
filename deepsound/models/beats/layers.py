"""BEATs' layers: convolutional positions, attention with a gated relative position bias."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.beats.config import BeatsConfig

_GATE_PARTS = 8
_WEIGHT_NORM_EPS = 1e-6


class PositionalConvolution(nn.Module):
    """A grouped convolution along the tokens, weight-normalised per tap; as many tokens out as in."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.groups = config.conv_groups
        kernel = config.conv_kernel
        self.weight_g = nn.Parameter(torch.ones(1, 1, kernel))
        self.weight_v = nn.Parameter(torch.empty(config.width, config.width // config.conv_groups, kernel))
        self.bias = nn.Parameter(torch.zeros(config.width))
        nn.init.normal_(self.weight_v, std=math.sqrt(4 / (kernel * config.width)))

    def weight(self) -> Tensor:
        """The effective kernel [width, width / groups, taps]; its norm is taken in float32."""
        norm = self.weight_v.float().square().sum(dim=(0, 1), keepdim=True).add(_WEIGHT_NORM_EPS).rsqrt()
        return self.weight_g * self.weight_v * norm.to(self.weight_v.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, tokens] -> [B, width, tokens]."""
        kernel = self.weight_v.shape[-1]
        convolved = F.conv1d(x, self.weight(), self.bias, padding=kernel // 2, groups=self.groups)
        # An even kernel gives one token too many, and the last is the one that goes.
        return convolved[..., : x.shape[-1]]


class GatedAttention(nn.Module):
    """Self-attention whose relative position bias each query turns up or down for itself."""

    def __init__(self, config: BeatsConfig, owns_bias: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(config.width, config.width) for _ in range(4))
        self.grep_linear = nn.Linear(config.head_width, _GATE_PARTS)
        self.grep_a = nn.Parameter(torch.ones(1, config.heads, 1, 1))
        if owns_bias:
            self.relative_attention_bias = nn.Embedding(config.buckets, config.heads)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """[B, tokens, width], with `bias` [heads, queries, keys]."""
        query, key, value = (self._by_head(project(x)) for project in (self.q_proj, self.k_proj, self.v_proj))
        gated = self._gate(query) * bias
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=gated)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def _gate(self, query: Tensor) -> Tensor:
        """The bias's factor [B, heads, queries, 1], from queries that are not yet scaled."""
        update, reset = self.grep_linear(query).unflatten(-1, (2, -1)).sum(-1, keepdim=True).sigmoid().unbind(-2)
        return update * (reset * self.grep_a - 1.0) + 2.0

    def _by_head(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, tokens, head width]


class BeatsLayer(nn.Module):
    """Attention and an MLP, each normalised after its scaled residual."""

    def __init__(self, config: BeatsConfig, owns_bias: bool) -> None:
        super().__init__()
        self.residual_scale = config.residual_scale
        self.self_attn = GatedAttention(config, owns_bias)
        self.self_attn_layer_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.fc1 = nn.Linear(config.width, config.mlp_width)
        self.fc2 = nn.Linear(config.mlp_width, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """[B, tokens, width]."""
        x = self.self_attn_layer_norm(x * self.residual_scale + self.self_attn(x, bias))
        inner = self.fc1(x)
        inner = F.gelu(inner.float()).to(inner.dtype)
        return self.final_layer_norm(x * self.residual_scale + self.fc2(inner))


def relative_buckets(offsets: Tensor, buckets: int, max_distance: int) -> Tensor:
    """T5's bucket of each signed distance in tokens: half of them for each sign, half of those exact, then by log."""
    per_sign = buckets // 2
    exact = per_sign // 2
    distance = offsets.abs()
    beyond = torch.log(distance.float() / exact) / math.log(max_distance / exact) * (per_sign - exact)
    # The logarithm of 0 is not used, but has to be a number before it can be one that is whole.
    far = (exact + beyond.clamp(min=0).long()).clamp(max=per_sign - 1)
    return (offsets > 0).long() * per_sign + torch.where(distance < exact, distance, far)
