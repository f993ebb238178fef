"""Synchformer's visual encoder (MotionFormer): video frames to features over time.

The published file also holds an audio encoder and the synchronisation head; those are not part of this network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepsound.models.synchformer.config import SYNCHFORMER, SynchformerConfig
from deepsound.models.synchformer.layers import DividedBlock, SpatialSummary


class VideoPatchEmbedding(nn.Module):
    """Cuts video into patches by a convolution whose stride is its kernel."""

    def __init__(self, proj: nn.Conv2d | nn.Conv3d) -> None:
        super().__init__()
        self.proj = proj

    def forward(self, video: Tensor) -> Tensor:
        """[B, 3, frames, height, width] -> [B, time steps, patches, width]."""
        return self.proj(video).flatten(3).permute(0, 2, 3, 1)


class VisualEncoder(nn.Module):
    """Encodes segments of patches; segments know nothing of each other."""

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        self.config = config
        still = (config.patch_size, config.patch_size)
        moving = (config.frames_per_step, *still)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.patches, config.width))
        self.temp_embed = nn.Parameter(torch.zeros(1, config.time_steps, config.width))
        # Published with the weights, but for still pictures only: video never passes through it.
        self.patch_embed = VideoPatchEmbedding(nn.Conv2d(3, config.width, still, stride=still))
        self.patch_embed_3d = VideoPatchEmbedding(nn.Conv3d(3, config.width, moving, stride=moving))
        self.blocks = nn.ModuleList(DividedBlock(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.spatial_attn_agg = SpatialSummary(config)

    def forward(self, segments: Tensor) -> Tensor:
        """Patches [N, time_steps, patches, width] -> one feature per time step [N, time_steps, width]."""
        return self.aggregate(self.tokens(segments))

    def tokens(self, segments: Tensor) -> Tensor:
        """Patches [N, time_steps, patches, width] -> tokens [N, time_steps * patches, width] after the last norm."""
        places = self.pos_embed[:, 1:].unsqueeze(1) + self.temp_embed.unsqueeze(2)
        class_token = (self.cls_token + self.pos_embed[:, :1]).expand(segments.shape[0], -1, -1)
        tokens = torch.cat((class_token, (segments + places).flatten(1, 2)), dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 1:])

    def aggregate(self, tokens: Tensor) -> Tensor:
        """Tokens [N, time_steps * patches, width] -> one feature per time step [N, time_steps, width]."""
        steps = tokens.unflatten(1, (self.config.time_steps, -1))
        return self.spatial_attn_agg(steps.flatten(0, 1)).unflatten(0, steps.shape[:2])


class Synchformer(nn.Module):
    """The visual encoder under its published name; `forward` takes whole videos.

    Long work in small pieces (progress, cancellation, memory): take `segments` and encode a few at a time.
    """

    def __init__(self, config: SynchformerConfig = SYNCHFORMER) -> None:
        super().__init__()
        self.config = config
        self.vfeat_extractor = VisualEncoder(config)

    def segments(self, video: Tensor) -> Tensor:
        """Embedded segments [B, segments, time_steps, patches, width] of a video [B, frames, 3, size, size] in [-1, 1].

        Overlapping segments share one embedding. ValueError when the video is shorter than one segment.
        """
        config = self.config
        count = config.segments(video.shape[1])
        if not count:
            raise ValueError(f"Synchformer needs at least {config.segment_frames} frames, not {video.shape[1]}.")
        patches = self.vfeat_extractor.patch_embed_3d(video.transpose(1, 2))
        return patches.unfold(1, config.time_steps, config.hop_steps)[:, :count].movedim(-1, 2)

    def encode(self, segments: Tensor) -> Tensor:
        """Features [..., time_steps, width] of embedded segments [..., time_steps, patches, width]."""
        return self.vfeat_extractor(segments.flatten(0, -4)).unflatten(0, segments.shape[:-3])

    def forward(self, video: Tensor) -> Tensor:
        """Features [B, segments * time_steps, width] of a video [B, frames, 3, size, size] in [-1, 1]."""
        return self.encode(self.segments(video)).flatten(1, 2)
