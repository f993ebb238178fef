"""Separators' settings and networks: shipped configurations and checkpoint loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError, InputError
from deepsound.separate import checkpoint_settings
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
    return _separation(name, _published_settings()[name])


def shipped_file(name: str) -> Path | None:
    """The file in the package that holds a separator's weights; None for one that has to be fetched."""
    return Path(str(files("deepsound.separate") / SHIPPED[name])) if name in SHIPPED else None


def sources(file: Path) -> tuple[Path, ...]:
    """All files that a network read from `file` comes from: itself, and the settings beside it."""
    beside = checkpoint_settings.beside(file)
    return (file,) if beside is None else (file, beside)


def fit_to_checkpoint(known: Separation, file: Path) -> Separation:
    """The settings for what `file` holds, which need not be the published network.

    A JSON or YAML file beside it (`NAME.json`, `NAME.yaml`, with the parts of a published configuration) says all of
    it. Without one the tensors must be those of a network this project knows, for they do not show hop, rate or
    stems. Raises EngineError for settings that are wrong, a file that holds something else, and unknown settings.
    """
    from deepsound.models.roformer.config import MelBandRoformerConfig
    from deepsound.weights.formats import MALFORMED
    from deepsound.weights.load import read_tensors

    stated = _settings_beside(known, file)
    try:
        tensors = read_tensors(file, _WRAPPERS)
        found = _identify(known, tensors, file) if stated is None else _with_tensor_sizes(stated, tensors)
    except MALFORMED as error:
        raise EngineError(
            f"The weights {file} cannot be used by '{known.name}': {error}. Choose the separator they "
            "are for, or name another file."
        ) from error
    if found.voice_stem >= found.network.num_stems:
        raise EngineError(
            f"The weights {file} have {found.network.num_stems} stem(s), and the settings {sources(file)[-1]} name "
            f"stem {found.voice_stem + 1} as the voice. Put the configuration beside them that is published with them."
        )
    if isinstance(found.network, MelBandRoformerConfig):
        # For whole hops the same, and chunks of equal overlap are of any length.
        found = replace(found, network=replace(found.network, match_input_audio_length=True))
    return found


def _with_tensor_sizes(known: Separation, tensors: Mapping[str, Any]) -> Separation:
    """`known` with the sizes that the tensors show."""
    from deepsound.models.roformer.weights import config_of

    return replace(known, network=config_of(tensors, known.network))


def _identify(known: Separation, tensors: Mapping[str, Any], file: Path) -> Separation:
    """The settings of the network of this project's list that the tensors are. Raises EngineError if they are none."""
    sized = _with_tensor_sizes(known, tensors)
    family = (other for other in map(separation, _names()) if type(other.network) is type(known.network))
    for candidate in (known, *family):
        try:
            same = _with_tensor_sizes(candidate, tensors).network == candidate.network
        except ValueError:
            continue
        if same:
            return replace(candidate, name=known.name, weights=known.weights)
    raise EngineError(
        f"The weights {file} match no network this project knows (dim {sized.network.dim}, depth "
        f"{sized.network.depth}), and their tensors do not show hop, rate and stems. Put the configuration that is "
        f"published with them beside them, as {file.with_suffix('.yaml').name}."
    )


def load(config: Config, file: Path, dtype: torch.dtype) -> Roformer:
    """The network of `config` with the weights in `file`. Raises EngineError where they do not fit."""
    from deepsound.models.roformer.weights import network, restore_rotary_freqs
    from deepsound.weights.load import load_into_meta, read_tensors

    tensors = read_tensors(file, _WRAPPERS)
    filled = load_into_meta(lambda: network(config), tensors, dtype, file)
    restore_rotary_freqs(filled, tensors)
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


def _settings_beside(known: Separation, file: Path) -> Separation | None:
    """What the settings beside `file` say; None where there are none."""
    path = checkpoint_settings.beside(file)
    stated = checkpoint_settings.read(path) if path is not None else None
    if path is None or stated is None:
        return None
    try:
        separation = _separation(known.name, _merge(known, stated))
    except (ValueError, TypeError, InputError) as error:
        raise EngineError(
            f"The settings {path} beside the weights cannot be used: {error}. Correct the file, or get the one that "
            "is published with the checkpoint."
        ) from error
    return replace(separation, voice_stem=checkpoint_settings.voice_stem(path, stated))


def _merge(known: Separation, stated: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The published settings of `known`, with what is stated in their place."""
    audio, inference = stated["audio"], stated["inference"]
    data = _published_settings()[known.name] | {"model": stated["model"]}
    for name, parts in (
        ("sample_rate", (stated["model"], audio)),
        ("chunk_size", (audio, inference)),
        ("num_overlap", (inference,)),
        ("batch_size", (inference,)),
    ):
        for part in parts:
            data[name] = part.get(name, data[name])
    return data


def _names() -> tuple[str, ...]:
    return tuple(_published_settings())


def _published_settings() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((files("deepsound.separate") / "networks.json").read_text("utf-8"))
    return content
