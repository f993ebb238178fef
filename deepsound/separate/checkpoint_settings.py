"""A separator's settings file, JSON or YAML as published, checked against one schema.

The form is that of Music-Source-Separation-Training's configuration files: parts `model`, `audio`, `inference` and
`training`. YAML is read by the safe loader; of Python's tags only `!!python/tuple`, which those files use, is known,
and stands for a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsound.errors import EngineError
from deepsound.runtime.paths import escaped, is_file
from deepsound.weights.formats import read_json, require_regular

SUFFIXES = (".json", ".yaml", ".yml")
_LONGEST_YAML = 1_000_000
_MOST_BANDS = 256


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def problem(self, value: Any) -> str:
        fits = type(value) is int and self.low <= value <= self.high
        return "" if fits else f"expected a whole number from {self.low} to {self.high}"


class Switch:
    """True or false."""

    def problem(self, value: Any) -> str:
        return "" if isinstance(value, bool) else "expected true or false"


class Widths:
    """Bands' widths in bins."""

    def problem(self, value: Any) -> str:
        fits = isinstance(value, list) and 0 < len(value) <= _MOST_BANDS
        fits = fits and all(type(width) is int and 0 < width <= 1 << 16 for width in value)
        return "" if fits else f"expected up to {_MOST_BANDS} widths in bins, whole numbers above 0"


class Off:
    """An option that is only known switched off."""

    def problem(self, value: Any) -> str:
        return "expected false: this option is not supported" if value else ""


Rule = Whole | Switch | Widths | Off
_RATE = Whole(1_000, 384_000)
_FFT = Whole(16, 1 << 16)
_CHUNK = Whole(1_000, 20_000_000)
_TRANSFORMERS = Whole(0, 16)
# What is read of each part; other keys are for training, or for kernels that change no number.
SCHEMA: Mapping[str, Mapping[str, Rule]] = {
    "model": {
        "dim": Whole(1, 8192),
        "depth": Whole(1, 64),
        "stereo": Switch(),
        "num_stems": Whole(1, 16),
        "time_transformer_depth": _TRANSFORMERS,
        "freq_transformer_depth": _TRANSFORMERS,
        "linear_transformer_depth": _TRANSFORMERS,
        "dim_head": Whole(2, 1024),
        "heads": Whole(1, 256),
        "stft_n_fft": _FFT,
        "stft_hop_length": _FFT,
        "stft_win_length": _FFT,
        "stft_normalized": Switch(),
        "mask_estimator_depth": Whole(0, 16),
        "mlp_expansion_factor": Whole(1, 64),
        "skip_connection": Switch(),
        "zero_dc": Switch(),
        "band_levels": Switch(),
        "freqs_per_bands": Widths(),
        "num_bands": Whole(1, _MOST_BANDS),
        "sample_rate": _RATE,
        "match_input_audio_length": Switch(),
    },
    "audio": {"sample_rate": _RATE, "chunk_size": _CHUNK, "num_channels": Whole(1, 2)},
    "inference": {
        "num_overlap": Whole(1, 64),
        "batch_size": Whole(1, 256),
        "chunk_size": _CHUNK,
        "normalize": Off(),
    },
    "training": {},
}


def beside(checkpoint: Path) -> Path | None:
    """The settings' file of a checkpoint: its name with .json, .yaml or .yml; None where there is none."""
    named = (checkpoint.with_suffix(suffix) for suffix in SUFFIXES)
    return next((path for path in named if path != checkpoint and is_file(path, EngineError)), None)


def read(path: Path) -> dict[str, dict[str, Any]] | None:
    """The settings in a file, every part a dictionary that agrees with the schema; None where it holds no `model`.

    Raises EngineError, naming file and value, for what is not readable, of another type, or out of its range.
    """
    try:
        require_regular(path)
        content = read_json(path) if path.suffix == ".json" else _read_yaml(path)
    except (OSError, ValueError) as error:
        raise _wrong(path, f"it cannot be read ({str(error).splitlines()[0][:200]})") from error
    if not isinstance(content, dict) or "model" not in content:
        return None
    settings = {}
    for part, rules in SCHEMA.items():
        values = content.get(part, {})
        values = {} if values is None else values
        if not isinstance(values, dict):
            raise _wrong(path, f"{part} is {_text(values)}; expected settings by name")
        _check(path, part, values, rules)
        settings[part] = values
    _check_together(path, settings)
    return settings


def voice_stem(path: Path, settings: Mapping[str, Mapping[str, Any]]) -> int:
    """Which of the network's stems is the voice. Raises EngineError where none is, or where nothing says which."""
    training = settings["training"]
    instruments, target = training.get("instruments"), training.get("target_instrument")
    stems = settings["model"].get("num_stems", 1)
    if stems == 1:
        if target is not None and str(target).lower() not in ("vocals", "voice", "speech"):
            raise _wrong(path, f"training.target_instrument is {_text(target)}; expected vocals")
        return 0
    names = [str(name).lower() for name in instruments] if isinstance(instruments, list) else []
    if "vocals" not in names[:stems]:
        raise _wrong(path, f"training.instruments is {_text(instruments)}; expected vocals among its {stems} stems")
    return names.index("vocals")


def _check(path: Path, part: str, values: Mapping[Any, Any], rules: Mapping[str, Rule]) -> None:
    for name, rule in rules.items():
        if name in values and (problem := rule.problem(values[name])):
            raise _wrong(path, f"{part}.{name} is {_text(values[name])}; {problem}")


def _check_together(path: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    model, audio = settings["model"], settings["audio"]
    for name in ("dim", "depth"):
        if name not in model:
            raise _wrong(path, f"model.{name} is missing")
    n_fft = model.get("stft_n_fft", 2048)
    for name in ("stft_hop_length", "stft_win_length"):
        if model.get(name, 0) > n_fft:
            raise _wrong(path, f"model.{name} is {model[name]}; expected at most stft_n_fft, {n_fft}")
    for chunk in (audio.get("chunk_size"), settings["inference"].get("chunk_size")):
        if chunk is not None and chunk < n_fft:
            raise _wrong(path, f"chunk_size is {chunk}; expected at least stft_n_fft, {n_fft}")
    if model.get("sample_rate", 0) and audio.get("sample_rate", model["sample_rate"]) != model["sample_rate"]:
        raise _wrong(path, f"model.sample_rate is {model['sample_rate']} and audio.sample_rate {audio['sample_rate']}")


def _read_yaml(path: Path) -> Any:
    """The content of a YAML file as plain data. Raises ValueError for anything else, OSError if unreadable."""
    import yaml

    with path.open("rb") as file:
        data = file.read(_LONGEST_YAML + 1)
    if len(data) > _LONGEST_YAML:
        raise ValueError(f"it is longer than {_LONGEST_YAML} bytes, so it holds no settings")
    try:
        return yaml.load(data, Loader=_loader())  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (RecursionError, TypeError, OverflowError) as error:
        raise ValueError("it is nested too deeply, or damaged") from error


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Safe, with tuples as lists; without merge keys, which can repeat a small file without end."""

        def flatten_mapping(self, node: Any) -> None:
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise yaml.constructor.ConstructorError(None, None, "merge keys are not supported", node.start_mark)

    construct: Callable[[Any, Any], Any] = Loader.construct_sequence
    Loader.add_constructor("tag:yaml.org,2002:python/tuple", construct)
    return Loader


def _wrong(path: Path, problem: str) -> EngineError:
    return EngineError(
        f"The settings {escaped(path)} beside the weights cannot be used: {problem}. Correct the file, or get the one "
        "that is published with the checkpoint."
    )


def _text(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__}"
    return escaped(text if len(text) <= 80 else text[:77] + "...")
