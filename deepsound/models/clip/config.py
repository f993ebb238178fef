"""Sizes of CLIP's encoders, named as in open_clip's configuration."""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class ClipVisionConfig:
    """A ViT; `image_size` in pixels is what the position table was trained for, of whole patches."""

    image_size: int = 378
    patch_size: int = 14
    width: int = 1280
    layers: int = 32
    head_width: int = 80
    mlp_ratio: float = 4.0

    @property
    def patches(self) -> int:
        return (self.image_size // self.patch_size) ** 2


@dataclass(frozen=True)
class ClipTextConfig:
    """Sizes of CLIP's text encoder; the defaults are DFN5B-CLIP-ViT-H-14-384's."""

    context_length: int = 77
    vocab_size: int = 49408
    width: int = 1024
    heads: int = 16
    layers: int = 24
    mlp_ratio: float = 4.0


@dataclass(frozen=True)
class ClipConfig:
    """Both towers meet in `embed_dim`; pixels are normalised by `mean` and `std` per RGB channel of [0, 1]."""

    embed_dim: int = 1024
    quick_gelu: bool = True
    vision: ClipVisionConfig = ClipVisionConfig()
    text: ClipTextConfig = ClipTextConfig()
    mean: RGB = (0.48145466, 0.4578275, 0.40821073)
    std: RGB = (0.26862954, 0.26130258, 0.27577711)


# apple/DFN5B-CLIP-ViT-H-14-384: the file named 384 holds the position table of 378 pixels, 27 x 27 patches.
DFN5B_VIT_H_14_384 = ClipConfig()
