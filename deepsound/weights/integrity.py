"""Checks a file against its published size and hashes, and that it can hold tensors."""

from __future__ import annotations

from pathlib import Path

from deepsound.runtime.digests import file_digests
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import PublishedFile
from deepsound.weights.formats import NOT_WEIGHTS, format_of, read_json, require_regular, safetensors_header

TENSOR_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")


def mismatch(path: Path, published: PublishedFile, progress: Progress = Progress()) -> str | None:
    """What tells the file at `path` from the published one, in words; None where it agrees with all that is stated."""
    size = path.stat().st_size
    if published.bytes is not None and size != published.bytes:
        return f"it has {size} bytes and should have {published.bytes}"
    stated = {kind: value for kind in ("sha256", "md5") if (value := getattr(published, kind))}
    actual = file_digests(path, stated, progress)
    for kind, value in stated.items():
        if actual[kind] != value:
            return f"its {kind} is {actual[kind]} and should be {value}"
    return None


def not_a_checkpoint(path: Path, name: str) -> str | None:
    """Why the content of `path` cannot be what a file called `name` holds; None where it can.

    Raises EngineError for a safetensors file that is cut off or damaged.
    """
    require_regular(path)
    if name.endswith(".json"):
        try:
            read_json(path)
        except (ValueError, OSError) as error:
            return f"it is not JSON ({error})"
    kind = format_of(path)
    if kind in ("page", "empty"):
        return NOT_WEIGHTS[kind]
    if not name.endswith(TENSOR_SUFFIXES):
        return None
    if kind == "safetensors":
        safetensors_header(path)
    return NOT_WEIGHTS.get(kind)
