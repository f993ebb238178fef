"""AudioLDM's networks, built from the settings in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.models.lazy_imports import library_class

Settings = Mapping[str, Any]

# Positions and token types, which older transformers stored among the weights.
_STORED_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")


def unet(settings: Settings) -> Any:
    """The UNet of a `unet/config.json`; the pooled prompt is its class label."""
    return library_class("diffusers", "UNet2DConditionModel").from_config(dict(settings))


def autoencoder(settings: Settings) -> Any:
    """The autoencoder of mel spectrograms, of a `vae/config.json`."""
    return library_class("diffusers", "AutoencoderKL").from_config(dict(settings))


def text_encoder(settings: Settings) -> Any:
    """CLAP's text encoder with projection, of a `text_encoder/config.json`."""
    config = library_class("transformers", "ClapTextConfig").from_dict(dict(settings))
    return library_class("transformers", "ClapTextModelWithProjection")(config)


def vocoder(settings: Settings) -> Any:
    """The HiFi-GAN of a `vocoder/config.json`."""
    config = library_class("transformers", "SpeechT5HifiGanConfig").from_dict(dict(settings))
    return library_class("transformers", "SpeechT5HifiGan")(config)


def text_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The text encoder's tensors as the installed transformers has them: positions are stored by some releases only."""
    expected = network.state_dict()
    plain = {name: tensor for name, tensor in state.items() if not name.endswith(_STORED_BUFFERS)}
    for name, tensor in expected.items():
        if name.endswith(_STORED_BUFFERS):
            is_position = name.endswith("position_ids")
            plain[name] = torch.arange(tensor.shape[-1])[None] if is_position else torch.zeros(tensor.shape).long()
    return plain
