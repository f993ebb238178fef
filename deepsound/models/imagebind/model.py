"""ImageBind's vision, audio and text encoders with the keys of imagebind_huge.

Depth, thermal and IMU are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.imagebind.config import IMAGEBIND_HUGE, ImageBindConfig, Modality
from deepsound.models.imagebind.layers import (
    CausalTrunk,
    LogitScale,
    Preprocessor,
    Stem,
    TextHead,
    TextPreprocessor,
    Trunk,
)

MODALITIES: tuple[Modality, ...] = ("vision", "audio")


class ImageBind(nn.Module):
    """The towers of `modalities`; their embeddings are compared by their cosine.

    An input is several pieces of one thing (stretches of a sound, crops and moments of a video), and its embedding the
    mean of theirs, each of which has unit length, or twenty times that for sound. A text is one piece, and its
    embedding of a learnt length.
    """

    def __init__(self, config: ImageBindConfig = IMAGEBIND_HUGE, modalities: Sequence[Modality] = MODALITIES) -> None:
        super().__init__()
        self.config = config
        self.modality_preprocessors = nn.ModuleDict({name: _preprocessor(config, name) for name in modalities})
        self.modality_trunks = nn.ModuleDict({name: _trunk(config, name) for name in modalities})
        self.modality_heads = nn.ModuleDict({name: _head(config, name) for name in modalities})
        self.modality_postprocessors = nn.ModuleDict(
            {
                name: nn.Identity() if name == "vision" else nn.Sequential(nn.Identity(), LogitScale())
                for name in modalities
            }
        )

    def embed_video(self, clips: Tensor) -> Tensor:
        """Embeddings [B, embed_dim] of clips [B, pieces, 3, frames, size, size] with values in [0, 1]."""
        mean, std = (
            torch.tensor(values, dtype=clips.dtype, device=clips.device)[:, None, None, None]
            for values in (self.config.vision.mean, self.config.vision.std)
        )
        return self._embed("vision", (clips - mean) / std)

    def embed_audio(self, spectrograms: Tensor) -> Tensor:
        """Embeddings [B, embed_dim] of log-mel values [B, pieces, mel bins, frames], neither shifted nor scaled yet."""
        audio = self.config.audio
        return self._embed("audio", ((spectrograms - audio.mean) / audio.std).unsqueeze(2))

    def embed_text(self, ids: Tensor) -> Tensor:
        """Embeddings [B, embed_dim] of texts as CLIP's ids [B, 77], as its tokenizer gives them."""
        tokens = self.modality_trunks["text"](self.modality_preprocessors["text"](ids))
        embeddings = self.modality_heads["text"](tokens, ids)
        scaled: Tensor = self.modality_postprocessors["text"](F.normalize(embeddings, dim=-1))
        return scaled

    def _embed(self, name: Modality, pieces: Tensor) -> Tensor:
        tokens = self.modality_preprocessors[name](pieces.flatten(0, 1))
        embeddings = self.modality_heads[name](self.modality_trunks[name](tokens))
        scaled = self.modality_postprocessors[name](F.normalize(embeddings, dim=-1))
        return scaled.unflatten(0, pieces.shape[:2]).mean(dim=1)


class _First(nn.Module):
    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def _preprocessor(config: ImageBindConfig, name: Modality) -> nn.Module:
    if name == "text":
        return TextPreprocessor(config.text.vocab_size, config.text.context_length, config.text.width)
    if name == "vision":
        vision = config.vision
        kernel = (vision.frames, vision.patch_size, vision.patch_size)
        convolution = nn.Conv3d(3, vision.width, kernel, stride=kernel, bias=False)
        # In the original, what comes first turns pictures into videos of two frames; a video passes it unchanged.
        return Preprocessor(Stem(nn.Sequential(nn.Identity(), convolution)), vision.patches, vision.width)
    audio = config.audio
    stem = Stem(nn.Conv2d(1, audio.width, audio.patch_size, stride=audio.stride, bias=False), nn.LayerNorm(audio.width))
    return Preprocessor(stem, audio.patches, audio.width)


def _trunk(config: ImageBindConfig, name: Modality) -> nn.Module:
    if name == "text":
        text = config.text
        return CausalTrunk(text.width, text.depth, text.heads, text.mlp_width, config.norm_eps)
    tower = config.vision if name == "vision" else config.audio
    return Trunk(
        tower.width,
        tower.depth,
        tower.heads,
        tower.mlp_width,
        config.norm_eps,
        first_norm=name == "vision",
        learnt_key=name == "audio",
    )


def _head(config: ImageBindConfig, name: Modality) -> nn.Module:
    if name == "text":
        return TextHead(config.text.width, config.embed_dim, config.norm_eps)
    width = config.vision.width if name == "vision" else config.audio.width
    return nn.Sequential(
        nn.LayerNorm(width, eps=config.norm_eps), _First(), nn.Linear(width, config.embed_dim, bias=False)
    )
