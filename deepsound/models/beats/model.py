"""BEATs (arXiv 2212.09058): log-mel filterbank to one feature per patch.

As fine-tuned inside VideoLLaMA2.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from deepsound.models.beats.config import BEATS, BeatsConfig
from deepsound.models.beats.layers import BeatsLayer, PositionalConvolution, relative_buckets


class BeatsEncoder(nn.Module):
    """Positions by convolution, then the layers; the bias table lives in the first and serves them all."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        self.pos_conv = nn.Sequential(PositionalConvolution(config), nn.GELU())
        self.layer_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.layers = nn.ModuleList(BeatsLayer(config, owns_bias=index == 0) for index in range(config.layers))

    def position_bias(self, tokens: int, device: torch.device) -> Tensor:
        """[heads, queries, keys], before any query gates it: it depends on a key's distance from the query alone."""
        offsets = torch.arange(1 - tokens, tokens, device=device)
        buckets = relative_buckets(offsets, self.config.buckets, self.config.max_distance)
        first = cast(BeatsLayer, self.layers[0])
        by_offset = first.self_attn.relative_attention_bias(buckets).T  # [heads, 2 * tokens - 1]
        return by_offset.unfold(1, tokens, 1).flip(1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, tokens, width]."""
        x = self.layer_norm(x + self.pos_conv(x.transpose(1, 2)).transpose(1, 2))
        bias = self.position_bias(x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, bias)
        return x


class Beats(nn.Module):
    """The encoder behind its patches, and the published head for AudioSet's classes, which VideoLLaMA2 leaves unused.

    Frames beyond a multiple of the patch size are dropped.
    """

    def __init__(self, config: BeatsConfig = BEATS) -> None:
        super().__init__()
        self.config = config
        size = config.patch_size
        self.patch_embedding = nn.Conv2d(1, config.patch_width, size, stride=size, bias=False)
        self.layer_norm = nn.LayerNorm(config.patch_width, eps=config.norm_eps)
        self.post_extract_proj = nn.Linear(config.patch_width, config.width)
        self.encoder = BeatsEncoder(config)
        self.predictor = nn.Linear(config.width, config.classes)

    def normalise(self, filterbank: Tensor) -> Tensor:
        """The log-mel values as the patches take them."""
        return (filterbank - self.config.mean) / (2 * self.config.deviation)

    def forward(self, filterbank: Tensor) -> Tensor:
        """Log-mel [B, frames, mel bins] -> features [B, time patches * mel patches, width], time first."""
        patches = self.patch_embedding(self.normalise(filterbank).unsqueeze(1))  # [B, patch width, time, mel]
        tokens = self.layer_norm(patches.flatten(2).transpose(1, 2))
        return self.encoder(self.post_extract_proj(tokens))

    def probabilities(self, features: Tensor) -> Tensor:
        """Probabilities of AudioSet's classes [B, classes] from features [B, tokens, width]."""
        return self.predictor(features).mean(dim=1).sigmoid()
