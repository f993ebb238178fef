"""Files of a training run, checkpoint and result: written aside, checked when read."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.media.files import atomic_write, output_error
from deepsound.runtime.json_files import finite
from deepsound.runtime.json_schemas import versioned
from deepsound.runtime.paths import escaped
from deepsound.runtime.progress import Progress

Shape = tuple[int, ...]
# What may differ when a run goes on without anything to say about it.
_LENGTHS = frozenset({"steps", "save_every", "validate_every", "validation_batches"})


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a run's state aside, then in place of the last one. Raises OutputError where the disk is full."""
    with atomic_write(path) as partial:
        try:
            torch.save(dict(state), partial)
        except RuntimeError as error:  # torch's own for a full disk
            raise output_error(path, OSError(errno.ENOSPC, str(error))) from error


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file aside, then in place of the last one. Raises OutputError where the disk is full."""
    from safetensors.torch import save_file

    with atomic_write(path) as partial:
        try:
            save_file(dict(tensors), partial, dict(metadata) if metadata else None)
        except OSError:
            raise
        except Exception as error:  # the library has an error of its own for a full disk
            raise output_error(path, OSError(errno.ENOSPC, str(error))) from error


def append_log(path: Path, numbers: Mapping[str, Any]) -> None:
    """Add a line of JSON to a run's log. Raises OutputError where the disk is full."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite(versioned("training_log", numbers)), allow_nan=False) + "\n")
    except OSError as error:
        raise output_error(path, error) from error


def read_checkpoint(path: Path, device: torch.device, trained: Mapping[str, Tensor]) -> dict[str, Any]:
    """The state in `path`, of a run in which `trained` learns.

    Raises EngineError, naming the file, for one that is damaged, of another network, or of a LoRA of another rank.
    """
    try:
        held: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
        shapes = {name: tuple(value.shape) for name, value in held["trained"].items()}
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise EngineError(
            f"expected a checkpoint in {escaped(path)}, got a file that cannot be read ({first}); remove it, and the "
            "run begins anew."
        ) from error
    require_same(path, shapes, {name: tuple(value.shape) for name, value in trained.items()})
    return held


def require_same(path: Path, shapes: Mapping[str, Shape], own: Mapping[str, Shape]) -> None:
    """Raise EngineError where a checkpoint's `shapes` are not those of what learns here, naming one that differs."""
    other = next((name for name in {**own, **shapes} if own.get(name) != shapes.get(name)), None)
    if other is not None:
        raise EngineError(
            f"expected a checkpoint of this recipe in {escaped(path)}, got one with {_size(shapes.get(other))} for "
            f"{other}, which is {_size(own.get(other))} here (another base, rank or choice of what learns); name "
            "another folder."
        )


def note_changes(held: Mapping[str, Any], recipe: Mapping[str, Any], progress: Progress) -> None:
    """Note what of the recipe is not what the run began with; checkpoints of older releases do not say."""
    before = held.get("recipe")
    if not isinstance(before, Mapping):
        return
    changed = [name for name in recipe if name not in _LENGTHS and name in before and before[name] != recipe[name]]
    if changed:
        named = ", ".join(f"{name} {before[name]} -> {recipe[name]}" for name in changed)
        progress.note(f"The run began with other settings and goes on with these: {named}")


def _size(shape: Shape | None) -> str:
    return "nothing" if shape is None else "x".join(map(str, shape)) or "a number"
