"""BEATs (arXiv 2212.09058): log-mel filterbank to one feature per patch.

As fine-tuned inside VideoLLaMA2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from deepsound.models.beats.config import BEATS, BeatsConfig
from deepsound.models.beats.layers import BeatsLayer, PositionalConvolution, relative_buckets


@dataclass(frozen=True)
class BeatsTrainingRules:
    """What the original does to BEATs in training: gradients are scaled before every layer, some layers are left out.

    `gradient_scale` multiplies the gradient in front of each layer, dropped or not; a layer is dropped where its
    `draw`, a number in [0, 1), is not above `layer_drop`. The forward pass is not rescaled. Defaults as in VideoLLaMA2
    (`beats/backbone.py`), whose draws come from numpy's global generator.
    """

    gradient_scale: float = 0.6
    layer_drop: float = 0.05
    draw: Callable[[], float] = np.random.random


BEATS_TRAINING = BeatsTrainingRules()


class _ScaleGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a number."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        return gradients[0] * ctx.scale, None


class BeatsEncoder(nn.Module):
    """Positions by convolution, then the layers; the bias table lives in the first and serves them all."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        self.pos_conv = nn.Sequential(PositionalConvolution(config), nn.GELU())
        self.layer_norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.layers = nn.ModuleList(BeatsLayer(config, owns_bias=index == 0) for index in range(config.layers))
        # Obeyed in training mode alone.
        self.training_rules: BeatsTrainingRules | None = None
        self.gradient_checkpointing = False

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
        rules = self.training_rules if self.training else None
        for layer in self.layers:
            if rules is not None:
                x = cast(Tensor, _ScaleGradient.apply(x, rules.gradient_scale))
                if rules.draw() <= rules.layer_drop:
                    continue
            if self.gradient_checkpointing and self.training:
                x = cast(Tensor, checkpoint(layer, x, bias, use_reentrant=False))
            else:
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
