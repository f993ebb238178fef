"""Conversion of checkpoints to .safetensors in another precision."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.errors import EngineError, InputError, OutputError
from deepsound.media.files import atomic_write
from deepsound.runtime.paths import exists, is_file
from deepsound.runtime.progress import Progress
from deepsound.weights.load import read_tensors
from deepsound.weights.locate import PRECISIONS, SUFFIXES

if TYPE_CHECKING:
    from torch import Tensor

TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
_SETTINGS = ("config.json", "open_clip_config.json")
# A separator's settings have its checkpoint's name.
_SETTINGS_SUFFIXES = (".json", ".yaml", ".yml")


def convert(
    source: Path,
    precision: str,
    target: Path | None = None,
    progress: Progress = Progress(),
    *,
    overwrite: bool = False,
) -> Path:
    """Write the tensors of `source` to a .safetensors file in `precision` (fp32, bf16, fp16) and return its path.

    Without `target` it lies beside `source`, named after it and the precision, where it is found by that name. A
    wrapper around the tensors is taken off, settings beside `source` go along, integers stay integers. Raises
    EngineError for a source that cannot be read or holds numbers that fp16 cannot, InputError for an unknown
    precision, OutputError where `target` exists or cannot be written.
    """
    if precision not in TYPES:
        raise InputError(f"The precision is {precision!r}; choose one of: {', '.join(TYPES)}.")
    target = target or converted_name(source, precision)
    if exists(target, OutputError) and not overwrite:
        raise OutputError(f"{target} exists already; delete it, name another file, or ask for it to be overwritten.")
    from safetensors.torch import save_file

    tensors = _cast(unwrap_tensors(source, read_tensors(source)), precision, source, progress)
    with atomic_write(target) as partial:
        save_file(tensors, partial, metadata={"format": "pt"})
        progress.update(1.0)
    _take_settings_along(source, target)
    return target


def converted_name(source: Path, precision: str) -> Path:
    """`some/v1-44_fp16.pth` as `some/v1-44_bf16.safetensors`."""
    stem = next((source.name.removesuffix(suffix) for suffix in SUFFIXES if source.name.endswith(suffix)), source.name)
    for known in PRECISIONS:
        stem = stem.removesuffix(known)
    return source.with_name(f"{stem}_{precision}.safetensors")


def unwrap_tensors(source: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a file, wrapped in one dictionary of its own or not; other entries are left out.

    Raises EngineError where there are several such dictionaries, for one cannot be told from the other.
    """
    import torch

    tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
    inner = {
        name: value
        for name, value in content.items()
        if isinstance(value, Mapping) and any(isinstance(entry, torch.Tensor) for entry in value.values())
    }
    if not inner:
        return tensors
    if tensors or len(inner) > 1:
        raise EngineError(
            f"{source} holds several sets of tensors ({', '.join(sorted(inner))}); only a file with one "
            "network can be converted."
        )
    return unwrap_tensors(source, next(iter(inner.values())))


def _cast(tensors: Mapping[str, Tensor], precision: str, source: Path, progress: Progress) -> dict[str, Tensor]:
    import torch

    dtype = getattr(torch, TYPES[precision])
    result: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in progress.track(tensors.items(), len(tensors)):
        cast = (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
        if precision == "fp16" and bool((cast.isinf() & ~tensor.isinf()).any()):
            raise EngineError(f"{source} holds numbers in {name} that are too large for fp16; convert it to bf16.")
        # A file holds every tensor once: those that share memory are parted.
        result[name] = cast.clone() if cast.untyped_storage().data_ptr() in taken else cast
        taken.add(cast.untyped_storage().data_ptr())
    return result


def _take_settings_along(source: Path, target: Path) -> None:
    """Copy settings that lie beside `source`, under names of their own or under the checkpoint's."""
    pairs = [(source.with_name(name), target.with_name(name)) for name in _SETTINGS]
    pairs += [(source.with_suffix(suffix), target.with_suffix(suffix)) for suffix in _SETTINGS_SUFFIXES]
    for beside, goal in pairs:
        if is_file(beside) and not exists(goal):
            with atomic_write(goal) as partial:
                shutil.copyfile(beside, partial)
