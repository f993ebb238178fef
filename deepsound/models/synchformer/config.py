"""Sizes of Synchformer's encoders and offset head; the defaults are the checkpoint's."""

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


@dataclass(frozen=True)
class SyncAudioConfig:
    """A transformer over patches of a segment's log-mel spectrogram, one begins every `stride` bins and frames."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    mel_bins: int = 128
    frames: int = 66
    patch_size: int = 16
    stride: int = 10
    norm_eps: float = 1e-12

    @property
    def mel_patches(self) -> int:
        return (self.mel_bins - self.patch_size) // self.stride + 1

    @property
    def time_patches(self) -> int:
        return (self.frames - self.patch_size) // self.stride + 1

    @property
    def summary(self) -> SynchformerConfig:
        """Sizes of the layer that sums up the mel patches of a moment, which is the visual encoder's."""
        return SynchformerConfig(width=self.width, heads=self.heads, mlp_ratio=self.mlp_width / self.width)


@dataclass(frozen=True)
class OffsetConfig:
    """A transformer over the tokens of exactly `segments` segments of both; classes are offsets, -2 to 2 s."""

    width: int = 768
    depth: int = 3
    heads: int = 8
    mlp_width: int = 3072
    segments: int = 14
    video_tokens: int = 8
    audio_tokens: int = 6
    classes: int = 21

    @property
    def tokens(self) -> int:
        """All that are attended to: the two kinds, and one before each."""
        return 2 + self.segments * (self.video_tokens + self.audio_tokens)


SYNCHFORMER = SynchformerConfig()
SYNC_AUDIO = SyncAudioConfig()
OFFSET = OffsetConfig()
