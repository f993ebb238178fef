"""Reads checkpoints into tensors, and loads tensors into networks built on the meta device."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import ZipFile

from deepsound.errors import DeepSoundError, EngineError
from deepsound.runtime.paths import escaped, is_dir
from deepsound.weights.formats import (
    NOT_WEIGHTS,
    Format,
    damaged_file,
    format_of,
    require_regular,
    safetensors_header,
)
from deepsound.weights.torch_file import read_archive, read_stream
from deepsound.weights.unpickler import Malformed, RefusedName

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")

_NAMED_AT_MOST = 5


def read_tensors(path: Path | str, unwrap: Iterable[str] = ()) -> dict[str, Any]:
    """The tensors of a checkpoint by name, in host memory, mapped from the file and read when they are used.

    `path` is a .safetensors, .pth, .pt, .ckpt or .bin file (its content counts, not its name), or a folder of shards.
    Wrappers such as `{"generator": {...}}` stay as they are, except for the first of `unwrap` that is there. The
    mapping is private: what is written to a tensor never reaches the file. Raises EngineError, naming the file and
    what to do, for one that is missing, cut off, no checkpoint, or that wants to run code; none ever does.
    """
    path = Path(path)
    try:
        tensors = _read_folder(path) if is_dir(path, EngineError) else _read_file(path)
    except OSError as error:
        raise EngineError(
            f"The weights {path} cannot be read: {error.strerror or error}. Check the path and its permissions."
        ) from error
    for wrapper in unwrap:
        if isinstance(tensors.get(wrapper), Mapping):
            return dict(tensors[wrapper])
    return tensors


def check_header(path: Path) -> None:
    """Raise EngineError for a file that is no checkpoint or has a damaged header; no tensor is read."""
    try:
        require_regular(path)
        kind = format_of(path)
        if kind == "safetensors":
            safetensors_header(path)
        elif kind == "zip":
            ZipFile(path).close()  # reads the directory at the end alone
    except DeepSoundError:
        raise
    except OSError as error:
        raise EngineError(
            f"The weights {path} cannot be read: {error.strerror or error}. Check the path and its permissions."
        ) from error
    except Exception as error:  # as in reading: damaged headers fail in many ways
        raise damaged_file(path, f"it is cut off or damaged ({_first_line(error)})") from error
    if kind not in ("safetensors", "zip", "pickle"):
        raise damaged_file(path, NOT_WEIGHTS[kind])


def _read_file(path: Path) -> dict[str, Any]:
    """One file's tensors; whatever a reader raises on its content is one EngineError that names the file."""
    require_regular(path)
    try:
        kind = format_of(path)
        if kind == "safetensors":
            return _read_safetensors(path)
        if kind in ("zip", "pickle"):
            return _read_torch(path, kind)
    except RefusedName as wanted:
        raise _refused_name_error(path, wanted) from wanted
    except (DeepSoundError, OSError):
        raise
    except Malformed as problem:
        raise damaged_file(path, f"it is damaged, or no checkpoint: {problem}") from problem
    except Exception as error:  # readers fail in many ways on what is inside: struct.error, MemoryError, RecursionError
        raise damaged_file(path, f"it is cut off or damaged ({_first_line(error)})") from error
    raise damaged_file(path, NOT_WEIGHTS[kind])


def _read_folder(folder: Path) -> dict[str, Any]:
    shards = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not shards:
        raise EngineError(
            f"The folder {folder} holds no weights: there is no .safetensors file and no "
            "pytorch_model.bin in it. Name the folder they are in."
        )
    expected = {int(count) for shard in shards if (count := _shard_count(shard.name))}
    if expected and expected != {len(shards)}:
        raise EngineError(
            f"The folder {folder} holds {len(shards)} of {max(expected)} files of its weights; get the "
            "others, for one with `deepsound models download`."
        )
    return {name: tensor for shard in shards for name, tensor in _read_file(shard).items()}


def _shard_count(name: str) -> str | None:
    found = re.search(r"-\d{5}-of-(\d{5})\.", name)
    return found and found.group(1)


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    safetensors_header(path)
    return dict(load_file(path))


def _read_torch(path: Path, kind: Format) -> dict[str, Any]:
    content = read_archive(path) if kind == "zip" else read_stream(path)
    if not _holds_tensors(content):
        raise EngineError(
            f"The weights {path} cannot be used: the file holds a {type(content).__name__} and not "
            "tensors by name. Choose the checkpoint's own file."
        )
    return dict(content)


def _refused_name_error(path: Path, wanted: RefusedName) -> EngineError:
    return EngineError(
        f"The weights {path} were not loaded: the file wants {escaped(str(wanted)[:200])} to be called, a checkpoint "
        "needs tensors only. It may be harmful. Use a .safetensors file of the same weights from where they are "
        "published, or convert it on a machine that may run it: load it there and save its state_dict alone."
    )


def _holds_tensors(content: object, deep: bool = True) -> bool:
    import torch

    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        return False
    return any(
        isinstance(value, torch.Tensor) or (deep and _holds_tensors(value, deep=False)) for value in content.values()
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]


def load_into_meta(
    build: Callable[[], Network],
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
    source: Path | str,
) -> Network:
    """The network that `build` makes, holding `tensors` in `dtype`, in eval mode and without gradients.

    It is made without memory of its own and takes the tensors as they are: those of another floating type are
    converted, the rest stay mapped to their file and must not be written to. Buffers that no checkpoint holds get the
    values `build` gives them. Raises EngineError, naming `source`, for names or shapes that are not the network's.
    """
    import torch

    with torch.device("meta"):
        network = build()
    _check(network.state_dict(), tensors, source)
    state = {
        name: tensor.detach().to(dtype) if tensor.is_floating_point() else tensor.detach()
        for name, tensor in tensors.items()
    }
    network.load_state_dict(state, strict=True, assign=True)
    _fill_derived(network, build, dtype)
    return network.eval().requires_grad_(False)


def _check(expected: Mapping[str, Tensor], given: Mapping[str, Tensor], source: Path | str) -> None:
    problems = []
    for what, names in (("missing", expected.keys() - given.keys()), ("unexpected", given.keys() - expected.keys())):
        if names:
            problems.append(f"{len(names)} {what}: {_some(names)}")
    shapes = [
        f"{name} is {_shape(given[name])} and should be {_shape(tensor)}"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if shapes:
        problems.append(f"{len(shapes)} of another shape: {_some(shapes)}")
    if problems:
        raise EngineError(
            f"The weights {source} do not fit this network; tensors {'; '.join(problems)}. They are for "
            "another model or variant: choose the right file, or the engine it is for."
        )


def _some(items: Iterable[str]) -> str:
    names = sorted(items)
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"


def _fill_derived(network: nn.Module, build: Callable[[], nn.Module], dtype: torch.dtype) -> None:
    """Give buffers that are computed and not stored their values: they were made on the meta device, without any."""
    absent = [name for name, buffer in network.named_buffers() if buffer.is_meta]
    if not absent:
        return
    from deepsound.weights.meta_init import real_buffers

    with real_buffers():
        values = dict(build().named_buffers())
    for name in absent:
        owner, _, attribute = name.rpartition(".")
        value = values[name].to(dtype) if values[name].is_floating_point() else values[name]
        network.get_submodule(owner)._buffers[attribute] = value
