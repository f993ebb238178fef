"""Separators by name: their settings, shipped as data, and their networks, read from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError
from deepsound.runtime.paths import is_file
from deepsound.separate.demix import DemixSettings

if TYPE_CHECKING:
    import torch

    from deepsound.models.roformer.model import Roformer
    from deepsound.models.roformer.weights import Config

# The embedded separator's weights are part of the package.
SHIPPED = {"bs_roformer_tiny": "weights/bs_roformer_tiny.safetensors"}
_CLEAN_OVERLAP_S = 1.0


@dataclass(frozen=True)
class Separation:
    """What a published configuration file says: the network, the rate in Hz it hears, how sounds are cut, and which of
    several stems is the voice; for the embedded one also the frequency in Hz below which nothing is voice (0: none).
    """

    name: str
    weights: str
    sample_rate: int
    network: Config
    demix: DemixSettings
    voice_stem: int = 0
    voice_from_hz: float = 0.0


@cache
def separation(name: str) -> Separation:
    """The settings of a separator that this project knows."""
    return _separation(name, json.loads((files("deepsound.separate") / "networks.json").read_text("utf-8"))[name])


def shipped_file(name: str) -> Path | None:
    """The file in the package that holds a separator's weights; None for one that has to be fetched."""
    return Path(str(files("deepsound.separate") / SHIPPED[name])) if name in SHIPPED else None


def sources(file: Path) -> tuple[Path, ...]:
    """All files that a network read from `file` comes from: itself, and the settings beside it."""
    beside = file.with_suffix(".json")
    return (file, beside) if is_file(beside, EngineError) else (file,)


def fitted(known: Separation, file: Path) -> Separation:
    """The settings for what `file` holds, which need not be the published network.

    A JSON file beside it (`NAME.json`, with the parts `model`, `audio`, `inference` of a published configuration)
    says all of it; otherwise sizes are told by the tensors and the rest is as published. Raises EngineError for a
    file that holds something else.
    """
    from deepsound.models.roformer.config import MelBandRoformerConfig
    from deepsound.models.roformer.weights import config_of
    from deepsound.weights.load import read_tensors

    beside = _settings_beside(file)
    if beside:
        known = _separation(known.name, _merged(known, beside))
    try:
        told = config_of(read_tensors(file, _WRAPPERS), known.network)
    except (ValueError, KeyError) as error:
        raise EngineError(
            f"The weights {file} cannot be used by '{known.name}': {error}. Choose the separator they "
            "are for, or name another file."
        ) from error
    if isinstance(told, MelBandRoformerConfig):
        # For whole hops the same, and clean chunks are of any length.
        told = replace(told, match_input_audio_length=True)
    return replace(known, network=told)


def load(config: Config, file: Path, dtype: torch.dtype) -> Roformer:
    """The network of `config` with the weights in `file`. Raises EngineError where they do not fit."""
    from deepsound.models.roformer.weights import keep_rotation, network
    from deepsound.weights.load import load_into_meta, read_tensors

    tensors = read_tensors(file, _WRAPPERS)
    filled = load_into_meta(lambda: network(config), tensors, dtype, file)
    keep_rotation(filled, tensors)
    return filled


# Trainers may save their state around the tensors; the published files do not.
_WRAPPERS = ("state_dict", "state")


def _separation(name: str, data: Mapping[str, Any]) -> Separation:
    from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig

    family: type[Config] = BSRoformerConfig if data["family"] == "bs_roformer" else MelBandRoformerConfig
    demix = DemixSettings(
        chunk=data["chunk_size"],
        overlaps=data["num_overlap"],
        batch=data["batch_size"],
        overlap=min(round(_CLEAN_OVERLAP_S * data["sample_rate"]), data["chunk_size"] // 4),
        shortest=data["model"].get("stft_n_fft", 2048),
    )
    network = family.of(data["model"])
    return Separation(
        name,
        data["weights"],
        data["sample_rate"],
        network,
        demix,
        data.get("voice_stem", 0),
        data.get("voice_from_hz", 0.0),
    )


def _settings_beside(file: Path) -> dict[str, Any]:
    beside = sources(file)[-1]
    if beside == file:
        return {}
    try:
        content = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The settings {beside} beside the weights cannot be read ({error}); correct or remove them."
        ) from error
    return content if isinstance(content, dict) and "model" in content else {}


def _merged(known: Separation, beside: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads((files("deepsound.separate") / "networks.json").read_text("utf-8"))[known.name]
    audio, inference = beside.get("audio", {}), beside.get("inference", {})
    data["model"] = beside["model"]
    data["sample_rate"] = audio.get("sample_rate", data["sample_rate"])
    data["chunk_size"] = audio.get("chunk_size", data["chunk_size"])
    data["num_overlap"] = inference.get("num_overlap", data["num_overlap"])
    data["batch_size"] = inference.get("batch_size", data["batch_size"])
    instruments = beside.get("training", {}).get("instruments", [])
    if beside["model"].get("num_stems", 1) > 1 and "vocals" in instruments:
        data["voice_stem"] = instruments.index("vocals")
    return data
