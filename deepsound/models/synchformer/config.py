"""Sizes of Synchformer's visual encoder; the defaults are the published checkpoint's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SynchformerConfig:
    """A divided space-time transformer over segments of `time_steps` x `frames_per_step` frames."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    image_size: int = 224
    patch_size: int = 16
    frames_per_step: int = 2
    time_steps: int = 8
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    norm_eps: float = 1e-6

    @property
    def mlp_width(self) -> int:
        return int(self.mlp_ratio * self.width)

    @property
    def patches(self) -> int:
        """Patches in one time step."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def segment_frames(self) -> int:
        return self.time_steps * self.frames_per_step

    @property
    def hop_steps(self) -> int:
        """Time steps from one segment's start to the next one's: segments overlap by half."""
        return self.time_steps // 2

    def segments(self, frames: int) -> int:
        """Whole segments in a video of `frames` frames; what is left over at its end is not seen."""
        hop_frames = self.hop_steps * self.frames_per_step
        return max(0, (frames - self.segment_frames) // hop_frames + 1)


SYNCHFORMER = SynchformerConfig()
