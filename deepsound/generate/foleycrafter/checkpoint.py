"""FoleyCrafter's published checkpoints: settings cross-checked, weights loaded strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from deepsound.errors import EngineError
from deepsound.generate.foleycrafter.preprocess import CLIP_SIZE
from deepsound.models.autoencoder_names import autoencoder_state
from deepsound.models.bigvgan.weights import fold_weight_norm
from deepsound.models.foleycrafter import diffusion, weights
from deepsound.models.foleycrafter.adapter import SemanticAdapter, attach
from deepsound.models.foleycrafter.config import HiFiGanConfig
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.vocoder import HiFiGan
from deepsound.models.lazy_imports import library_class
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.weights.formats import MALFORMED, read_settings
from deepsound.weights.load import load_into_meta, read_tensors
from deepsound.weights.resolve import resolve_all

T = TypeVar("T")
Network = TypeVar("Network", bound=nn.Module)

MEL_BINS = 256
HOP = 160
# Pixels of the spectrogram to a value of the latents, each way; the temporal adapter's picture is shrunk as much.
VAE_SCALE_FACTOR = 8

_DIFFUSERS = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.bin",
)
_TRANSFORMERS = ("model.safetensors", "model.fp16.safetensors", "pytorch_model.bin")
_SCHEDULERS = ("PNDMScheduler", "DDIMScheduler")
_ADVICE = "Get it again with `deepsound models download foleycrafter`, or name another one."


def locate_checkpoint(execution: Execution, progress: Progress = Progress()) -> FoleyCrafterCheckpoint:
    """Where everything is. Raises EngineError where something is nowhere, saying what to do."""
    names = ("auffusion", "temporal_adapter", "semantic_adapter", "timestamp_detector", "vocoder", "image_encoder")
    paths = resolve_all([f"foleycrafter/{name}" for name in names], execution, progress, "foleycrafter")
    return FoleyCrafterCheckpoint(*(paths[f"foleycrafter/{name}"] for name in names))


@dataclass(frozen=True)
class FoleyCrafterCheckpoint:
    """The published files: two folders, and four files of FoleyCrafter's own.

    Nothing is read before it is asked for. Everything raises EngineError, naming the file, where something is missing
    or is not what it should be.
    """

    auffusion: Path
    temporal_adapter: Path
    semantic_adapter: Path
    timestamp_detector: Path
    vocoder: Path
    image_encoder: Path

    def weight_files(self) -> dict[str, Path]:
        """The files that hold weights, by what they do."""
        return {
            "unet": _weights_in(self.auffusion / "unet", _DIFFUSERS),
            "autoencoder": _weights_in(self.auffusion / "vae", _DIFFUSERS),
            "text_encoder": _weights_in(self.auffusion / "text_encoder", _TRANSFORMERS),
            "image_encoder": _weights_in(self.image_encoder, _TRANSFORMERS),
            "temporal_adapter": self.temporal_adapter,
            "semantic_adapter": self.semantic_adapter,
            "onsets": self.timestamp_detector,
            "vocoder": self.vocoder,
        }

    def sources(self, role: str) -> tuple[Path, ...]:
        """All files a network comes from: its weights and the settings that say what they are."""
        paths, folder = self.weight_files(), self.auffusion
        return {
            "denoiser": (paths["unet"], folder / "unet" / "config.json", self.temporal_adapter, self.semantic_adapter),
            "autoencoder": (paths["autoencoder"], folder / "vae" / "config.json"),
            "text_encoder": (paths["text_encoder"], folder / "text_encoder" / "config.json"),
            "image_encoder": (paths["image_encoder"], self.image_encoder / "config.json"),
            "onsets": (paths["onsets"],),
            "vocoder": (paths["vocoder"], self.vocoder.with_name("config.json")),
        }[role]

    @cached_property
    def unet_settings(self) -> dict[str, Any]:
        return _settings(self.auffusion / "unet" / "config.json", "UNet2DConditionModel")

    @cached_property
    def autoencoder_settings(self) -> dict[str, Any]:
        return _settings(self.auffusion / "vae" / "config.json", "AutoencoderKL")

    @cached_property
    def text_settings(self) -> dict[str, Any]:
        return _settings(self.auffusion / "text_encoder" / "config.json")

    @cached_property
    def image_settings(self) -> dict[str, Any]:
        return _settings(self.image_encoder / "config.json")

    @cached_property
    def scheduler_settings(self) -> dict[str, Any]:
        return _settings(self.auffusion / "scheduler" / "scheduler_config.json", *_SCHEDULERS)

    @cached_property
    def vocoder_config(self) -> HiFiGanConfig:
        path = self.vocoder.with_name("config.json")
        return _read_config(path, HiFiGanConfig.from_json, _settings(path))

    def check(self) -> None:
        """Raise EngineError where the settings of two parts do not fit each other; no weights are read for it."""
        unet, vae, text = self.unet_settings, self.autoencoder_settings, self.text_settings
        folder = self.auffusion
        _require(folder / "unet", "in_channels", unet.get("in_channels"), vae.get("latent_channels"), "the autoencoder")
        _require(
            folder / "unet",
            "cross_attention_dim",
            unet.get("cross_attention_dim"),
            text.get("hidden_size"),
            "the text encoder",
        )
        _require(folder / "unet", "encoder_hid_dim_type", unet.get("encoder_hid_dim_type"), None, "FoleyCrafter")
        shrinking = 2 ** (len(vae.get("block_out_channels", ())) - 1)
        _require(folder / "vae", "scale of block_out_channels", shrinking, VAE_SCALE_FACTOR, "the temporal adapter")
        _require(
            self.image_encoder,
            "image_size",
            self.image_settings.get("image_size", CLIP_SIZE),
            CLIP_SIZE,
            "FoleyCrafter",
        )
        vocoder = self.vocoder_config
        _require(self.vocoder.parent, "num_mels", vocoder.num_mels, MEL_BINS, "FoleyCrafter's spectrograms")
        _require(self.vocoder.parent, "product of upsample_rates", vocoder.hop, HOP, "FoleyCrafter's spectrograms")
        self.scheduler()

    def denoiser(self, dtype: torch.dtype) -> diffusion.Denoiser:
        """UNet and both adapters, in eval mode, on the CPU; likewise all below."""
        unet_file = self.weight_files()["unet"]
        unet = _load(partial(diffusion.unet, self.unet_settings), read_tensors(unet_file), dtype, unet_file)
        temporal = weights.strip_module_prefix(read_tensors(self.temporal_adapter, unwrap=("state_dict",)))
        controlnet = _load(partial(diffusion.controlnet, self.unet_settings), temporal, dtype, self.temporal_adapter)
        attach(self._adapter(unet, dtype), unet)
        return diffusion.Denoiser(unet, controlnet)

    def autoencoder(self, dtype: torch.dtype) -> nn.Module:
        path = self.weight_files()["autoencoder"]
        state = autoencoder_state(read_tensors(path))
        return _load(partial(diffusion.autoencoder, self.autoencoder_settings), state, dtype, path)

    def text_network(self, dtype: torch.dtype) -> nn.Module:
        build = partial(diffusion.text_encoder, self.text_settings)
        return self._tower(build, dtype, self.weight_files()["text_encoder"])

    def image_network(self, dtype: torch.dtype) -> nn.Module:
        build = partial(diffusion.image_encoder, self.image_settings)
        return self._tower(build, dtype, self.weight_files()["image_encoder"])

    def onset_network(self, dtype: torch.dtype) -> OnsetDetector:
        path = self.timestamp_detector
        state = weights.strip_module_prefix(read_tensors(path, unwrap=("state_dict",)))
        config = _read_config(path, weights.onset_config_of, state)
        return load_into_meta(lambda: OnsetDetector(config), state, dtype, path)

    def vocoder_network(self, dtype: torch.dtype) -> HiFiGan:
        config = self.vocoder_config
        state = _read_config(self.vocoder, fold_weight_norm, read_tensors(self.vocoder, unwrap=("generator",)))
        return load_into_meta(lambda: HiFiGan(config), state, dtype, self.vocoder)

    def tokenizer(self) -> Any:
        """The text encoder's tokenizer; nothing is looked for anywhere else."""
        folder = self.auffusion / "tokenizer"
        try:
            return library_class("transformers", "CLIPTokenizer").from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EngineError(f"The tokenizer in {folder} cannot be read ({error}). {_ADVICE}") from error

    def scheduler(self) -> Any:
        """A sampler as the folder sets it, new, since it keeps its state."""
        settings = self.scheduler_settings
        return library_class("diffusers", settings["_class_name"]).from_config(settings)

    def _adapter(self, unet: Any, dtype: torch.dtype) -> SemanticAdapter:
        path = self.semantic_adapter
        state = _read_config(path, weights.adapter_state, read_tensors(path))
        width = _read_config(path, weights.embed_dim_of, state)
        expected = self.image_settings.get("projection_dim")
        if width != expected:
            raise EngineError(
                f"The weights {path} are for image embeddings of {width} values, and the image encoder "
                f"in {self.image_encoder} makes {expected}. {_ADVICE}"
            )
        return _load(lambda: SemanticAdapter(unet, width), state, dtype, path)

    def _tower(self, build: Callable[[], nn.Module], dtype: torch.dtype, path: Path) -> nn.Module:
        with torch.device("meta"):
            empty = _read_config(path, build)
        return _load(build, weights.encoder_state(read_tensors(path), empty), dtype, path)


def _load(
    build: Callable[[], Network],
    state: Mapping[str, Tensor],
    dtype: torch.dtype,
    path: Path,
) -> Network:
    return _read_config(path, load_into_meta, build, state, dtype, path)


def _read_config(path: Path, reader: Callable[..., T], *arguments: Any) -> T:
    """What `reader` says of the file's content; what it objects to as an EngineError that names the file."""
    try:
        return reader(*arguments)
    except MALFORMED as error:
        raise EngineError(f"{path} cannot be used: {error}. {_ADVICE}") from error


def _weights_in(folder: Path, names: tuple[str, ...]) -> Path:
    path = next((folder / name for name in names if is_file(folder / name, EngineError)), None)
    if path is None:
        raise EngineError(f"The folder {folder} holds no weights: none of {', '.join(names)} is in it. {_ADVICE}")
    return path


def _settings(path: Path, *classes: str) -> dict[str, Any]:
    """The settings in a JSON file; with `classes`, one of which they have to be for."""
    content = read_settings(path, _ADVICE)
    if classes and content.get("_class_name") not in classes:
        raise EngineError(f"{path} is for {content.get('_class_name')}; expected {' or '.join(classes)}. {_ADVICE}")
    return content


def _require(folder: Path, what: str, actual: object, expected: object, other: str) -> None:
    if actual != expected:
        raise EngineError(
            f"The settings in {folder} do not fit: {what} is {actual}, and {other} needs {expected}. {_ADVICE}"
        )
