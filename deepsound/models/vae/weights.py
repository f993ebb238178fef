"""The mel VAE's checkpoint: normalises weights, reads the sizes from the tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from deepsound.models.vae.config import VaeConfig
from deepsound.models.vae.layers import NORM_EPS

# A normalised row has a norm just under 1. One pass too many or too few then changes a row by no more than this.
_UNIT_NORM_TOLERANCE = 0.01
_NORMALISED_SHARE = 0.99


def normalise_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with every convolution's output rows at unit norm, in float32; already normalised files stay as they are.

    It must run before any cast: published files hold rows of any norm, repackaged ones may hold normalised rows, and a
    second pass would shrink those by up to 0.8 % (the wider the more), since the norm's floor counts again.
    """
    state = {name: tensor.float() for name, tensor in state.items()}
    if is_normalised(state):
        return state
    return {name: _unit_norm_rows(tensor) if _is_convolution(name) else tensor for name, tensor in state.items()}


def is_normalised(state: Mapping[str, Tensor]) -> bool:
    """Whether nearly all rows of the convolutions have a norm of 1 within 1 %, as rounded half-precision files do."""
    norms = [tensor.float().flatten(1).norm(dim=1) for name, tensor in state.items() if _is_convolution(name)]
    if not norms:
        return False
    near_one = (torch.cat(norms) - 1.0).abs() < _UNIT_NORM_TOLERANCE
    return float(near_one.float().mean()) > _NORMALISED_SHARE


def without_encoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with only what decoding needs."""
    return {name: tensor for name, tensor in state.items() if not name.startswith("encoder.")}


def config_of(state: Mapping[str, Tensor]) -> VaeConfig:
    """The autoencoder's sizes, read from its tensors; ValueError if these are not the weights of MMAudio's."""
    try:
        n_mels, base_channels, _ = state["decoder.conv_out.weight"].shape
        latent_channels = state["decoder.conv_in.weight"].shape[1]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of MMAudio's mel autoencoder: {missing} is missing") from missing
    return VaeConfig(n_mels=n_mels, latent_channels=latent_channels, base_channels=base_channels)


def _is_convolution(name: str) -> bool:
    return name.endswith(".weight")


def _unit_norm_rows(weight: Tensor) -> Tensor:
    fan_in = weight[0].numel()
    norm = torch.linalg.vector_norm(weight, dim=(1, 2), keepdim=True)
    return weight / (NORM_EPS + norm / math.sqrt(fan_in)) / math.sqrt(fan_in)
