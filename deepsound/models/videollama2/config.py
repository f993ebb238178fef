"""Sizes of VideoLLaMA2; the defaults are VideoLLaMA2.1-7B-AV's."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepsound.models.beats.config import BEATS, BeatsConfig


@dataclass(frozen=True)
class LanguageConfig:
    """Qwen2 with grouped queries; biases on queries, keys and values alone, and a head that is not the embedding."""

    vocabulary: int = 152064
    width: int = 3584
    layers: int = 28
    heads: int = 28
    key_value_heads: int = 4
    mlp_width: int = 18944
    rope_theta: float = 1e6
    norm_eps: float = 1e-6
    max_positions: int = 32768

    @property
    def head_width(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True)
class SiglipConfig:
    """SigLIP on pictures of `image_size` pixels; what lies beyond a whole number of patches is not seen.

    `select_layer` counts the features that are taken from the last layer backwards, -1 being its output.
    """

    width: int = 1152
    layers: int = 27
    heads: int = 16
    mlp_width: int = 4304
    image_size: int = 384
    patch_size: int = 14
    select_layer: int = -2
    norm_eps: float = 1e-6

    @property
    def used_layers(self) -> int:
        """Layers whose output matters: those behind the selected one are neither built nor loaded."""
        return self.layers + 1 + self.select_layer

    @property
    def grid(self) -> int:
        """Patches along a side."""
        return self.image_size // self.patch_size


@dataclass(frozen=True)
class ConnectorConfig:
    """The STC connector v3.5: from vision features of `vision_width` to tokens of `width`.

    `downsample` is by frames, rows and columns.
    """

    vision_width: int = 1152
    width: int = 3584
    depth: int = 4
    mlp_depth: int = 2
    downsample: tuple[int, int, int] = (2, 2, 2)

    def tokens(self, frames: int, grid: int) -> int:
        """How many tokens a clip of `frames` frames of `grid` x `grid` patches becomes."""
        time, rows, columns = self.downsample
        return (frames // time) * (grid // rows) * (grid // columns)


@dataclass(frozen=True)
class VideoLlama2Config:
    """The whole model; `frames` of a clip are shown to it, whatever the clip's length."""

    language: LanguageConfig = field(default_factory=LanguageConfig)
    vision: SiglipConfig = field(default_factory=SiglipConfig)
    connector: ConnectorConfig = field(default_factory=ConnectorConfig)
    audio: BeatsConfig = BEATS
    frames: int = 16


VIDEOLLAMA2_1_7B_AV = VideoLlama2Config()
