"""LoRA files (arXiv 2106.09685): low-rank updates, merged into a checkpoint's tensors.

The form is peft's: `base_model.model.NAME.lora_A.weight` [rank, in] and `.lora_B.weight` [out, rank] for the module
NAME of the published network, with the scale in adapter_config.json or in the file's own metadata; other tensors under
`base_model.model.` replace the base's whole. Kohya's `NAME.lora_down.weight`, `.lora_up.weight` and `.alpha` are read
too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.weights.formats import read_settings, safetensors_header
from deepsound.weights.load import read_tensors

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_SPELLINGS = ((".lora_A.weight", ".lora_B.weight"), (".lora_down.weight", ".lora_up.weight"))
_AGAIN = "Save the adapter again, or name another file."


@dataclass(frozen=True, eq=False)
class LoraUpdate:
    """`scale` times `up` [out, rank, ...] after `down` [rank, in, ...], which is added to one weight."""

    down: Tensor
    up: Tensor
    scale: float

    def delta(self) -> Tensor:
        """The update as a whole, float32 in the weight's own shape [out, in] or, of a convolution, [out, in, taps]."""
        down, up = self.down.float(), self.up.float()
        product = (up.flatten(1) @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])
        return self.scale * product


@dataclass(frozen=True, eq=False)
class LoraFile:
    """What an adapter holds: `updates` and `whole` tensors, both by the name of the weight they are for."""

    path: Path
    updates: Mapping[str, LoraUpdate]
    whole: Mapping[str, Tensor] = field(default_factory=dict)
    base: str = ""


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and no checkpoint of its own."""
    return is_dir(folder, EngineError) and is_file(folder / CONFIG, EngineError)


def lora_file(path: Path) -> Path:
    """The file of an adapter that is named by its file or folder. Raises EngineError where it is not there."""
    file = path / WEIGHTS if is_dir(path, EngineError) else path
    if not is_file(file, EngineError):
        raise EngineError(f"expected a LoRA file, got {escaped(file)}, which is not there; check the path.")
    return file


def read_lora(path: Path) -> LoraFile:
    """The adapter in a file, or in a folder as peft writes it. Raises EngineError for one that cannot be used."""
    folder = path if is_dir(path, EngineError) else path.parent
    file = lora_file(path)
    config = read_settings(folder / CONFIG, _AGAIN) if is_file(folder / CONFIG, EngineError) else _metadata(file)
    tensors = read_tensors(file)
    updates: dict[str, LoraUpdate] = {}
    whole: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        plain = name.removeprefix(_PREFIX)
        downs = [(plain.removesuffix(down), down, up) for down, up in _SPELLINGS if plain.endswith(down)]
        if downs:
            module, down, up = downs[0]
            other = tensors.get(name.removesuffix(down) + up)
            alpha = tensors.get(name.removesuffix(down) + ".alpha")
            updates[f"{module}.weight"] = _update(file, module, tensor, other, alpha, config)
        elif not plain.endswith((".alpha", *(up for _, up in _SPELLINGS))):
            whole[plain] = tensor
    if not updates and not whole:
        raise EngineError(f"expected LoRA updates in {escaped(file)}, got none; name an adapter's file or folder.")
    return LoraFile(path, updates, whole, str(config.get("base_model_name_or_path") or ""))


def merge(tensors: Mapping[str, Tensor], lora: LoraFile, strength: float = 1.0) -> dict[str, Tensor]:
    """`tensors` with the adapter in them; what it does not touch stays the very tensor. The sum is float32.

    Raises EngineError, naming the adapter, for a weight that is not there or is of another shape.
    """
    merged = dict(tensors)
    unknown = sorted(name for name in (*lora.updates, *lora.whole) if name not in tensors)
    if unknown:
        raise EngineError(
            f"The LoRA {escaped(lora.path)} does not fit: expected updates of this network's weights, got "
            f"{len(unknown)} others such as {unknown[0]}; it is for another model. Choose the model it was trained on."
        )
    for name, update in lora.updates.items():
        base, delta = tensors[name], update.delta()
        if delta.shape != base.shape and delta.numel() == base.numel():
            delta = delta.reshape(base.shape)
        if delta.shape != base.shape:
            raise _shape_error(lora, name, delta, base)
        merged[name] = (base.float() + strength * delta.to(base.device)).to(base.dtype)
    for name, tensor in lora.whole.items():
        if tensor.shape != tensors[name].shape:
            raise _shape_error(lora, name, tensor, tensors[name])
        base = tensors[name]
        merged[name] = (base.float() + strength * (tensor.float() - base.float())).to(base.dtype)
    return merged


def _update(
    file: Path, module: str, down: Tensor, up: Tensor | None, alpha: Tensor | None, config: Mapping[str, Any]
) -> LoraUpdate:
    if up is None or up.shape[1] != down.shape[0]:
        got = "no second matrix" if up is None else f"ranks {down.shape[0]} and {up.shape[1]}"
        raise EngineError(f"expected two matrices of one rank for {module} in {escaped(file)}, got {got}. {_AGAIN}")
    rank = down.shape[0]
    try:
        stated = float(alpha) if alpha is not None else float(config.get("lora_alpha") or rank)
        scale = stated / (rank**0.5 if config.get("use_rslora") else rank)
    except (TypeError, ValueError) as error:
        raise EngineError(f"expected a number as lora_alpha in {escaped(file)}, got {error}. {_AGAIN}") from error
    if int(config.get("r") or rank) != rank and not config.get("rank_pattern"):
        raise EngineError(
            f"expected updates of rank {config['r']} in {escaped(file)}, as its settings say, got rank {rank} for "
            f"{module}. {_AGAIN}"
        )
    return LoraUpdate(down, up, scale)


def _metadata(file: Path) -> dict[str, Any]:
    """The settings in a safetensors file's own header; none where there are none."""
    try:
        stated = safetensors_header(file).get("__metadata__", {})
        return {name: _value(text) for name, text in stated.items()}
    except (EngineError, AttributeError):
        return {}


def _value(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _shape_error(lora: LoraFile, name: str, got: Tensor, expected: Tensor) -> EngineError:
    return EngineError(
        f"The LoRA {escaped(lora.path)} does not fit: expected {'x'.join(map(str, expected.shape))} for {name}, got "
        f"{'x'.join(map(str, got.shape))}; it is for another model. Choose the model it was trained on."
    )
