"""SigLIP vision encoder with STC connector, and BEATs audio encoder with projector."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from deepsound.models.beats.config import BeatsConfig
from deepsound.models.beats.model import Beats
from deepsound.models.videollama2.config import ConnectorConfig, SiglipConfig
from deepsound.models.videollama2.connector import StcConnector
from deepsound.models.videollama2.imports import transformers_module


class SiglipTower(nn.Module):
    """SigLIP up to the selected layer (arXiv 2303.15343), made of transformers' modules; nothing behind it is built."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        siglip = transformers_module("models.siglip.modeling_siglip")
        self.config = config
        settings = _settings(config)
        self.embeddings = siglip.SiglipVisionEmbeddings(settings)
        self.encoder = siglip.SiglipEncoder(settings)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures [frames, 3, size, size] in [-1, 1] -> features [frames, patches, width], without a final norm."""
        hidden = self.embeddings(pictures)
        for layer in self.encoder.layers:
            out = layer(hidden, None)
            hidden = out[0] if isinstance(out, tuple) else out  # a tuple before transformers 4.54
        return hidden


class VisionEncoder(nn.Module):
    """Frames to tokens: the vision tower and the STC connector."""

    def __init__(self, vision: SiglipConfig, connector: ConnectorConfig) -> None:
        super().__init__()
        self.vision_tower = SiglipTower(vision)
        self.mm_projector = StcConnector(connector)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames [B, frames, 3, size, size] in [-1, 1] -> tokens [B, tokens, width]."""
        features = self.vision_tower(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return self.mm_projector(features)


class AudioEncoder(nn.Module):
    """A filterbank to tokens: BEATs and the audio projector."""

    def __init__(self, audio: BeatsConfig, width: int) -> None:
        super().__init__()
        self.audio_tower = Beats(audio)
        self.mm_projector_a = audio_projector(audio.width, width)

    def forward(self, filterbank: Tensor) -> Tensor:
        """Log-mel [B, frames, mel bins] -> tokens [B, tokens, width]."""
        return self.mm_projector_a(self.audio_tower(filterbank))


def audio_projector(audio_width: int, width: int) -> nn.Sequential:
    """Two linear layers with an exact GELU between them."""
    return nn.Sequential(nn.Linear(audio_width, width), nn.GELU(), nn.Linear(width, width))


def _settings(config: SiglipConfig) -> Any:
    return transformers_module("models.siglip.configuration_siglip").SiglipVisionConfig(
        hidden_size=config.width,
        intermediate_size=config.mlp_width,
        num_hidden_layers=config.used_layers,
        num_attention_heads=config.heads,
        image_size=config.image_size,
        patch_size=config.patch_size,
        hidden_act="gelu_pytorch_tanh",
        layer_norm_eps=config.norm_eps,
        attn_implementation="sdpa",
    )
