"""Synchformer's audio encoder: AST per segment and frequency aggregation (arXiv 2401.16423).

An audio spectrogram transformer (arXiv 2104.01778, with the names transformers gives its parameters), and a layer that
sums up the mel bands of each moment.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.synchformer.config import SYNC_AUDIO, SyncAudioConfig
from deepsound.models.synchformer.layers import SpatialSummary


class _ASTLinear(nn.Module):
    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.dense = nn.Linear(into, out)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.dense(tokens)


class ASTSelfAttention(nn.Module):
    """Multi-head self-attention with separate projections, named as in transformers' AST."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query, self.key, self.value = (nn.Linear(config.width, config.width) for _ in range(3))

    def forward(self, tokens: Tensor) -> Tensor:
        """[N, tokens, width], before the projection that follows."""
        query, key, value = (
            project(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class ASTAttention(nn.Module):
    """Self-attention and its output projection: [N, tokens, width]."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.attention = ASTSelfAttention(config)
        self.output = _ASTLinear(config.width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.output(self.attention(tokens))


class ASTLayer(nn.Module):
    """Pre-norm transformer layer: [N, tokens, width]."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.attention = ASTAttention(config)
        self.intermediate = _ASTLinear(config.width, config.mlp_width)
        self.output = _ASTLinear(config.mlp_width, config.width)
        self.layernorm_before = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.layernorm_after = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(self.layernorm_before(tokens))
        return tokens + self.output(F.gelu(self.intermediate(self.layernorm_after(tokens))))


class ASTPatchEmbeddings(nn.Module):
    """Overlapping patches of a spectrogram as tokens."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.projection = nn.Conv2d(1, config.width, config.patch_size, stride=config.stride)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """[N, mel bins, frames] -> [N, mel patches * time patches, width], by mel band first."""
        return self.projection(spectrogram.unsqueeze(1)).flatten(2).mT


class ASTEmbeddings(nn.Module):
    """Class token, distillation token and patches with positions: [N, mel bins, frames] -> [N, 2 + patches, width]."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.distillation_token = nn.Parameter(torch.zeros(1, 1, config.width))
        tokens = 2 + config.mel_patches * config.time_patches
        self.position_embeddings = nn.Parameter(torch.zeros(1, tokens, config.width))
        self.patch_embeddings = ASTPatchEmbeddings(config)

    def forward(self, spectrogram: Tensor) -> Tensor:
        patches = self.patch_embeddings(spectrogram)
        summaries = torch.cat((self.cls_token, self.distillation_token), dim=1).expand(len(patches), -1, -1)
        return torch.cat((summaries, patches), dim=1) + self.position_embeddings


class ASTEncoder(nn.Module):
    """The transformer's layers: [N, tokens, width]."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(ASTLayer(config) for _ in range(config.depth))

    def forward(self, tokens: Tensor) -> Tensor:
        for layer in self.layer:
            tokens = layer(tokens)
        return tokens


class ASTModel(nn.Module):
    """Audio Spectrogram Transformer (arXiv 2104.01778), keys as in transformers."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.embeddings = ASTEmbeddings(config)
        self.encoder = ASTEncoder(config)
        self.layernorm = nn.LayerNorm(config.width, eps=config.norm_eps)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """[N, mel bins, frames] -> [N, 2 + patches, width]."""
        return self.layernorm(self.encoder(self.embeddings(spectrogram)))


class SynchformerAudioEncoder(nn.Module):
    """Synchformer's audio encoder (arXiv 2401.16423): AST, and a summary over mel bands for each moment."""

    def __init__(self, config: SyncAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.ast = ASTModel(config)
        self.freq_attn_agg = SpatialSummary(config.summary)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Scaled log-mel values [N, mel bins, frames] -> features [N, time patches, width]."""
        patches = self.ast(spectrograms)[:, 2:].unflatten(1, (self.config.mel_patches, -1))
        by_moment = patches.transpose(1, 2)  # [N, time patches, mel patches, width]
        return self.freq_attn_agg(by_moment.flatten(0, 1)).unflatten(0, by_moment.shape[:2])


class SynchformerAudio(nn.Module):
    """The audio encoder under its published name; segments know nothing of each other."""

    def __init__(self, config: SyncAudioConfig = SYNC_AUDIO) -> None:
        super().__init__()
        self.config = config
        self.afeat_extractor = SynchformerAudioEncoder(config)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Features [segments, time patches, width] of scaled log-mel values [segments, mel bins, frames]."""
        return self.afeat_extractor(spectrograms)
