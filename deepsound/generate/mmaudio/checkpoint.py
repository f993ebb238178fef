"""Loads MMAudio's networks; the variant is detected from the tensors, not the file name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.models.bigvgan import weights as bigvgan_weights
from deepsound.models.bigvgan.config import BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip import weights as clip_weights
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio import weights as flow_weights
from deepsound.models.mmaudio.config import VARIANTS, FlowConfig
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer import text_steered
from deepsound.models.synchformer import weights as sync_weights
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae import weights as vae_weights
from deepsound.models.vae.model import MelVae
from deepsound.runtime.paths import is_file
from deepsound.weights.formats import MALFORMED, read_json
from deepsound.weights.load import load_into_meta, read_tensors
from deepsound.weights.lora import merge, read_lora

T = TypeVar("T")

# What is published beside a network's weights and says what its tensors do not show.
_SETTINGS = {"vocoder": "config.json", "clip": "open_clip_config.json", "text_encoder": "config.json"}
# ComfyUI core's own file holds autoencoder and vocoder together, under these prefixes.
_COMBINED_PREFIXES = {"vae": "vae.", "vocoder": "vocoder."}


def sources(role: str, path: Path) -> tuple[Path, ...]:
    """All files that a network read from `path` comes from: the weights, and settings beside them that count."""
    beside = path.with_name(_SETTINGS[role]) if role in _SETTINGS else path
    return (path, beside) if beside != path and is_file(beside, EngineError) else (path,)


def flow_network(
    path: Path, dtype: torch.dtype, variant: str = "", loras: Sequence[tuple[Path, float]] = ()
) -> MMAudio:
    """The flow network in `path`, `loras` merged at their strengths; with `variant`, the published one it has to be.

    Raises EngineError for another network, for a published one of another variant, and for a LoRA that does not fit.
    Sizes that no published variant has are taken as they are, if the latents and the version fit.
    """
    tensors = read_tensors(path)
    for file, strength in loras:
        tensors = merge(tensors, read_lora(file), strength)
    config = _read_config(path, flow_weights.config_of, tensors)
    if variant:
        _require_variant(path, config, variant)
    return load_into_meta(lambda: MMAudio(config), flow_weights.state_dict(tensors), dtype, path)


def makes_16k_latents(path: Path) -> bool:
    """Whether the flow network in `path` makes latents for the 16 kHz autoencoder; its tensors tell."""
    return (
        _read_config(path, flow_weights.config_of, read_tensors(path)).latent_dim
        == VARIANTS["small_16k"].flow.latent_dim
    )


def autoencoder(path: Path, dtype: torch.dtype) -> MelVae:
    """The mel autoencoder's decoder in `path`, its weights normalised once, in float32, before they are cast."""
    tensors = vae_weights.without_encoder(_component(read_tensors(path), "vae"))
    config = _read_config(path, vae_weights.config_of, tensors)
    state = vae_weights.normalise_weights(tensors)
    return load_into_meta(lambda: MelVae(config, with_encoder=False), state, dtype, path)


def encoder(path: Path, dtype: torch.dtype) -> MelVae:
    """The whole mel autoencoder in `path`. Raises EngineError for a file that holds its decoder alone."""
    tensors = _component(read_tensors(path), "vae")
    config = _read_config(path, vae_weights.config_of, tensors)
    if not any(name.startswith("encoder.") for name in tensors):
        raise EngineError(
            f"{path} holds the autoencoder's decoder alone, and keeping a part of a sound needs its encoder too: get "
            "the published file with `deepsound models download`, or choose the fallback neg."
        )
    return load_into_meta(lambda: MelVae(config), vae_weights.normalise_weights(tensors), dtype, path)


def vocoder(path: Path, dtype: torch.dtype, exact_output: bool = False) -> BigVgan:
    """The vocoder in `path`, weight norm folded; a `config.json` beside it says what its tensors do not show.

    With `exact_output`, only what does not determine the waveform's digits is in `dtype`, the rest in float32.
    """
    tensors = _component(_unwrap(read_tensors(path), "generator"), "vocoder")
    folded = _read_config(path, bigvgan_weights.fold_weight_norm, tensors)
    config = _read_config(path, bigvgan_weights.config_of, folded)
    settings = _read_settings("vocoder", path)
    if "upsample_rates" in settings:
        stated = _read_config(path.with_name("config.json"), BigVganConfig.from_json, settings)
        # A folder may hold several vocoders and one config.json: it counts where it is this one's.
        if (stated.num_mels, stated.upsample_kernel_sizes) == (config.num_mels, config.upsample_kernel_sizes):
            config = stated
    if exact_output:
        network = load_into_meta(lambda: BigVgan(config), folded, torch.float32, path)
        return network.round_inner_convolutions(dtype)
    return load_into_meta(lambda: BigVgan(config), folded, dtype, path)


def clip(path: Path, dtype: torch.dtype, images: bool = True) -> CLIP:
    """CLIP in `path`; an `open_clip_config.json` beside it says how widths are parted into heads.

    Without `images` the text tower alone is held in memory.
    """
    tensors = read_tensors(path)
    settings = _read_settings("clip", path).get("model_cfg")
    config = _read_config(path, clip_weights.config_of, tensors, settings)
    return load_into_meta(lambda: CLIP(config, images), clip_weights.state_dict(tensors, images), dtype, path)


def synchformer(path: Path, dtype: torch.dtype) -> Synchformer:
    """Synchformer's visual encoder in `path`; the rest of the published file is left unread."""
    tensors = read_tensors(path)
    config = _read_config(path, sync_weights.config_of, tensors)
    return load_into_meta(lambda: Synchformer(config), sync_weights.state_dict(tensors), dtype, path)


def steered_synchformer(path: Path, dtype: torch.dtype) -> text_steered.TextSteeredSynchformer:
    """SelVA's text-steered Synchformer in `path`."""
    tensors = read_tensors(path)
    config = _read_config(path, text_steered.config_of, tensors)
    state = text_steered.state_dict(tensors)
    return load_into_meta(lambda: text_steered.TextSteeredSynchformer(config), state, dtype, path)


def _require_variant(path: Path, config: FlowConfig, variant: str) -> None:
    expected = VARIANTS[variant].flow
    actual = next((name for name, published in VARIANTS.items() if published.flow == config), None)
    if actual is not None and actual != variant:
        raise EngineError(
            f"{path}: expected MMAudio's {variant}, got {actual}; choose the engine mmaudio_{actual}, or put "
            f"{variant}'s file there."
        )
    if (config.latent_dim, config.v2) != (expected.latent_dim, expected.v2):
        raise EngineError(
            f"{path} holds a network of {config.latent_dim} latent channels, version "
            f"{2 if config.v2 else 1}; {variant} has {expected.latent_dim}, version "
            f"{2 if expected.v2 else 1}. Choose another engine, or put {variant}'s file there."
        )


def _read_config(path: Path, reader: Callable[..., T], *arguments: Any) -> T:
    """What `reader` says of the file's content; what it fails with as an EngineError that names the file."""
    try:
        return reader(*arguments)
    except MALFORMED as error:
        raise EngineError(
            f"{path} cannot be used: {error}. Get the right file with `deepsound models download`, or name another one."
        ) from error


def _unwrap(tensors: Mapping[str, Any], wrapper: str) -> Mapping[str, Tensor]:
    inner = tensors.get(wrapper)
    return inner if isinstance(inner, Mapping) else tensors


def _component(tensors: Mapping[str, Tensor], component: str) -> Mapping[str, Tensor]:
    """One network's share of a file that holds several, its prefix taken off; else the file as it is."""
    prefix = _COMBINED_PREFIXES[component]
    component_tensors = {
        name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)
    }
    return component_tensors or tensors


def _read_settings(role: str, path: Path) -> dict[str, Any]:
    """The settings beside a network's weights, or none where there is no such file or it is something else."""
    try:
        content = read_json(path.with_name(_SETTINGS[role]))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
