"""Auffusion's UNet, VAE and encoders, and FoleyCrafter's ControlNet, built from settings.

The classes are diffusers' and transformers' own (Auffusion: arXiv 2401.01044).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from deepsound.models.lazy_imports import library_class

Settings = Mapping[str, Any]


class Denoiser(nn.Module):
    """What every step of sampling runs: the UNet with its semantic adapter, and the temporal adapter."""

    def __init__(self, unet: Any, controlnet: Any) -> None:
        super().__init__()
        self.hint = CachedControlHint(controlnet.controlnet_cond_embedding)
        controlnet.controlnet_cond_embedding = self.hint
        self.unet = unet
        self.controlnet = controlnet


class CachedControlHint(nn.Module):
    """What a ControlNet makes of its picture, made once: every step of a sampling hands over the same tensor.

    The picture is one for all entries of a batch, with guidance the same one twice.
    """

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self.embedding = embedding
        self._cached: tuple[Tensor, Tensor] | None = None

    def forward(self, picture: Tensor) -> Tensor:
        """Picture [B, 1, height, width] -> [1, width of the first block, height / 8, width / 8]."""
        if self._cached is None or self._cached[0] is not picture:
            self._cached = picture, self.embedding(picture[:1])
        return self._cached[1]

    def clear(self) -> None:
        self._cached = None


def unet(settings: Settings) -> Any:
    """The UNet of a published `unet/config.json`, without adapters."""
    return library_class("diffusers", "UNet2DConditionModel").from_config(dict(settings))


def controlnet(unet_settings: Settings) -> Any:
    """The temporal adapter beside that UNet: a ControlNet (arXiv 2302.05543) whose picture has one channel."""
    return library_class("diffusers", "ControlNetModel").from_unet(
        unet(unet_settings), conditioning_channels=1, load_weights_from_unet=False
    )


def autoencoder(settings: Settings) -> Any:
    """The autoencoder of a published `vae/config.json`."""
    return library_class("diffusers", "AutoencoderKL").from_config(dict(settings))


def text_encoder(settings: Settings) -> Any:
    """The text encoder of a published `text_encoder/config.json`."""
    config = library_class("transformers", "CLIPTextConfig").from_dict(dict(settings))
    return library_class("transformers", "CLIPTextModel")(config)


def image_encoder(settings: Settings) -> Any:
    """The image encoder, with projection, of a published `config.json`."""
    config = library_class("transformers", "CLIPVisionConfig").from_dict(dict(settings))
    return library_class("transformers", "CLIPVisionModelWithProjection")(config)
