"""PaSST (arXiv 2110.05069; kkoutini/PaSST): log-mel to features and AudioSet logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepsound.models.passt.config import PASST, PasstConfig
from deepsound.models.passt.layers import PasstBlock


class PasstPatchEmbedding(nn.Module):
    """Overlapping patches of a spectrogram as tokens."""

    def __init__(self, config: PasstConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, config.width, config.patch_size, stride=config.stride)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """[B, mel bins, frames] -> [B, width, mel patches, time patches]."""
        return self.proj(spectrogram.unsqueeze(1))


@dataclass(frozen=True)
class PasstOutput:
    """Of spectrograms [B, mel bins, frames]: `features` [B, width] and `logits` [B, classes]."""

    features: Tensor
    logits: Tensor


class Passt(nn.Module):
    """Two tokens, trained as class and as distillation token, sum up the patches; the features are their mean.

    `head_dist` is published with the weights, and was for training alone.
    """

    def __init__(self, config: PasstConfig = PASST) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, config.mel_patches, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, config.time_patches))
        self.patch_embed = PasstPatchEmbedding(config)
        self.blocks = nn.ModuleList(PasstBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, eps=config.norm_eps)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.classes))
        self.head_dist = nn.Linear(width, config.classes)

    def forward(self, spectrogram: Tensor) -> PasstOutput:
        """Log-mel values [B, mel bins, frames], scaled as in training, of at most 10 s."""
        patches = self.patch_embed(spectrogram)
        patches = patches + self.time_new_pos_embed[..., : patches.shape[-1]] + self.freq_new_pos_embed
        summaries = torch.cat((self.cls_token, self.dist_token), dim=1) + self.new_pos_embed
        tokens = torch.cat((summaries.expand(len(patches), -1, -1), patches.flatten(2).mT), dim=1)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, keep=2 if index == last else None)
        features = self.norm(tokens).mean(dim=1)
        return PasstOutput(features, self.head(features))
