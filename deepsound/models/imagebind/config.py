"""Sizes of ImageBind's encoders (arXiv 2305.05665); the defaults are imagebind_huge's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["vision", "audio", "text"]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class ImageBindVisionConfig:
    """Patches of `patch_size` pixels squared through `frames` frames; `mean` and `std` per channel of [0, 1]."""

    width: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_width: int = 5120
    image_size: int = 224
    patch_size: int = 14
    frames: int = 2
    mean: RGB = (0.48145466, 0.4578275, 0.40821073)
    std: RGB = (0.26862954, 0.26130258, 0.27577711)

    @property
    def patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class ImageBindAudioConfig:
    """Patches of `patch_size` mel bins by as many frames, one begins every `stride`; `mean` and `std` of log-mel."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    mel_bins: int = 128
    frames: int = 204
    patch_size: int = 16
    stride: int = 10
    mean: float = -4.268
    std: float = 9.138

    @property
    def patches(self) -> int:
        """Patches of a whole spectrogram."""
        bins, frames = ((size - self.patch_size) // self.stride + 1 for size in (self.mel_bins, self.frames))
        return bins * frames


@dataclass(frozen=True)
class ImageBindTextConfig:
    """A causal transformer over CLIP's tokens, `context_length` of them."""

    width: int = 1024
    depth: int = 24
    heads: int = 16
    mlp_width: int = 4096
    vocab_size: int = 49408
    context_length: int = 77


@dataclass(frozen=True)
class ImageBindConfig:
    """Sizes of ImageBind's three towers; the defaults are imagebind_huge's."""

    embed_dim: int = 1024
    vision: ImageBindVisionConfig = ImageBindVisionConfig()
    audio: ImageBindAudioConfig = ImageBindAudioConfig()
    text: ImageBindTextConfig = ImageBindTextConfig()
    norm_eps: float = 1e-6


IMAGEBIND_HUGE = ImageBindConfig()
