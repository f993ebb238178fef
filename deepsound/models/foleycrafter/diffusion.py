"""Auffusion's networks and FoleyCrafter's temporal adapter: diffusers' and transformers' own, built from settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from deepsound.models.foleycrafter.imports import library_class

Settings = Mapping[str, Any]


class Denoiser(nn.Module):
    """What every step of sampling runs: the UNet with its semantic adapter, and the temporal adapter."""

    def __init__(self, unet: nn.Module, controlnet: nn.Module) -> None:
        super().__init__()
        self.unet = unet
        self.controlnet = controlnet


def unet(settings: Settings) -> Any:
    """The UNet of a published `unet/config.json`, without adapters."""
    return library_class("diffusers", "UNet2DConditionModel").from_config(dict(settings))


def controlnet(unet_settings: Settings) -> Any:
    """The temporal adapter beside that UNet: a ControlNet (arXiv 2302.05543) whose picture has one channel."""
    return library_class("diffusers", "ControlNetModel").from_unet(
        unet(unet_settings), conditioning_channels=1, load_weights_from_unet=False)


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
