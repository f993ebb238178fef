"""Synchformer's synchronisation head: offset logits (arXiv 2401.16423, section 3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.synchformer.config import OFFSET, OffsetConfig


class OffsetAttention(nn.Module):
    """Multi-head self-attention, [B, tokens, width]."""

    def __init__(self, config: OffsetConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.key, self.query, self.value, self.proj = (nn.Linear(config.width, config.width) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = (
            project(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        return self.proj(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class OffsetBlock(nn.Module):
    """Pre-norm transformer block, [B, tokens, width]."""

    def __init__(self, config: OffsetConfig) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(config.width)
        self.ln2 = nn.LayerNorm(config.width)
        self.attn = OffsetAttention(config)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.mlp_width), nn.GELU(), nn.Linear(config.mlp_width, config.width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attn(self.ln1(tokens))
        return tokens + self.mlp(self.ln2(tokens))


class OffsetPositions(nn.Module):
    """Learnt position embeddings, added to [B, tokens, width]."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.pos_emb = nn.Parameter(torch.zeros(1, tokens, width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.pos_emb


class OffsetTransformer(nn.Module):
    """Synchformer's synchronisation head (arXiv 2401.16423): the offset class of features of picture and sound."""

    def __init__(self, config: OffsetConfig) -> None:
        super().__init__()
        self.OFF_tok = nn.Parameter(torch.zeros(1, 1, config.width))
        self.MOD_tok = nn.Parameter(torch.zeros(1, 1, config.width))
        self.vis_in_lnorm = nn.LayerNorm(config.width)
        self.aud_in_lnorm = nn.LayerNorm(config.width)
        self.pos_emb_cfg = OffsetPositions(config.tokens, config.width)
        self.blocks = nn.ModuleList(OffsetBlock(config) for _ in range(config.depth))
        self.ln_f = nn.LayerNorm(config.width)
        self.off_head = nn.Linear(config.width, config.classes)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Logits [B, classes] of tokens [B, video tokens, width] and [B, audio tokens, width]."""
        off, parting = (token.expand(len(video), -1, -1) for token in (self.OFF_tok, self.MOD_tok))
        tokens = torch.cat((off, self.vis_in_lnorm(video), parting, self.aud_in_lnorm(audio)), dim=1)
        tokens = self.pos_emb_cfg(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return self.off_head(self.ln_f(tokens[:, 0]))


class SynchformerOffset(nn.Module):
    """The head with the two projections before it, under their published names."""

    def __init__(self, config: OffsetConfig = OFFSET) -> None:
        super().__init__()
        self.config = config
        self.vproj = nn.Linear(config.width, config.width)
        self.aproj = nn.Linear(config.width, config.width)
        self.transformer = OffsetTransformer(config)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Offset logits [B, classes] of features [B, segments, video tokens, width] and [B, segments, audio tokens,
        width].

        Raises ValueError for another number of segments than the positions were trained for.
        """
        wanted = self.config.segments
        if (video.shape[1], audio.shape[1]) != (wanted, wanted):
            raise ValueError(
                f"Synchformer compares {wanted} segments of each, not {video.shape[1]} of the video and "
                f"{audio.shape[1]} of the sound"
            )
        return self.transformer(self.vproj(video).flatten(1, 2), self.aproj(audio).flatten(1, 2))
