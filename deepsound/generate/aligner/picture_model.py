"""Stable Diffusion 1.5 from one file, as ComfyUI keeps it, or from a diffusers folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from deepsound.errors import EngineError
from deepsound.models.animatediff import networks
from deepsound.models.autoencoder_names import autoencoder_state
from deepsound.runtime.paths import is_file
from deepsound.weights.diffusers_folder import DiffusersFolder, load_network, on_meta, read_content
from deepsound.weights.load import read_tensors

BASE = "animatediff/sd15"
WRAPPERS = ("state_dict",)
_ADVICE = f"Choose Stable Diffusion 1.5, or get it with `deepsound models download {BASE}`."
_UNET = "unet"


class PictureModel(Protocol):
    """Stable Diffusion 1.5; everything raises EngineError, naming the file, for another model."""

    @property
    def unet_settings(self) -> dict[str, Any]:
        """The UNet's settings under diffusers' names."""

    def unet_state(self) -> Mapping[str, Tensor]:
        """The UNet's tensors under diffusers' names."""

    def files(self, part: str) -> tuple[Path, ...]:
        """The files that `unet`, `vae` or `text_encoder` comes from."""

    def autoencoder(self, dtype: torch.dtype) -> nn.Module: ...

    def text_encoder(self, dtype: torch.dtype) -> nn.Module: ...


def picture_model(path: Path) -> PictureModel:
    """The model of a single file, or of the folder whose UNet that file is."""
    if path.parent.name == _UNET and is_file(path.parent / "config.json", EngineError):
        return _Folder(path)
    return _SingleFile(path)


@dataclass(frozen=True)
class _SingleFile:
    path: Path

    @cached_property
    def unet_settings(self) -> dict[str, Any]:
        return read_content(self.path, _ADVICE, networks.unet_settings, self._tensors)

    def unet_state(self) -> Mapping[str, Tensor]:
        return read_content(self.path, _ADVICE, networks.unet_of_single_file, self._tensors, self.unet_settings)

    def files(self, part: str) -> tuple[Path, ...]:
        return (self.path,)

    def autoencoder(self, dtype: torch.dtype) -> nn.Module:
        settings = read_content(self.path, _ADVICE, networks.vae_settings, self._tensors)
        state = read_content(self.path, _ADVICE, networks.vae_of_single_file, self._tensors, settings)
        return load_network(self.path, partial(networks.autoencoder, settings), state, dtype, _ADVICE)

    def text_encoder(self, dtype: torch.dtype) -> nn.Module:
        settings = read_content(self.path, _ADVICE, networks.text_settings, self._tensors)
        build = partial(networks.text_encoder, settings)
        tensors = networks.text_of_single_file(self._tensors)
        state = networks.text_state(tensors, on_meta(self.path, _ADVICE, build))
        return load_network(self.path, build, state, dtype, _ADVICE)

    @cached_property
    def _tensors(self) -> dict[str, Any]:
        return read_tensors(self.path, WRAPPERS)


@dataclass(frozen=True)
class _Folder:
    """The folder of a `unet/diffusion_pytorch_model.safetensors`, which is `path`."""

    path: Path

    @cached_property
    def unet_settings(self) -> dict[str, Any]:
        settings = self._parts.settings(_UNET, "UNet2DConditionModel")
        text_width = self._parts.settings("text_encoder").get("hidden_size")
        return read_content(self._parts.settings_file(_UNET), _ADVICE, networks.require_sd15, settings, text_width)

    def unet_state(self) -> Mapping[str, Tensor]:
        return read_tensors(self.path, WRAPPERS)

    def files(self, part: str) -> tuple[Path, ...]:
        weights = self.path if part == _UNET else self._parts.weights_file(part)
        return weights, self._parts.settings_file(part)

    def autoencoder(self, dtype: torch.dtype) -> nn.Module:
        build = partial(networks.autoencoder, self._parts.settings("vae", "AutoencoderKL"))
        return self._parts.network("vae", build, dtype, lambda state, network: autoencoder_state(state))

    def text_encoder(self, dtype: torch.dtype) -> nn.Module:
        build = partial(networks.text_encoder, self._parts.settings("text_encoder"))
        return self._parts.network("text_encoder", build, dtype, networks.text_state)

    @property
    def _parts(self) -> DiffusersFolder:
        return DiffusersFolder(self.path.parent.parent, _ADVICE)
