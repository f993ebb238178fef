"""What a file really is, by its first bytes: a name ending in .pth may hold a web page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from deepsound.errors import EngineError

Format = Literal["safetensors", "zip", "pickle", "page", "pointer", "text", "empty", "unknown"]

_ENOUGH = 512
# A longer header is refused by safetensors itself.
_LONGEST_HEADER = 100_000_000

# What to say of a file that holds no tensors at all.
NOT_WEIGHTS: dict[Format, str] = {
    "page": "it is a web page, not a checkpoint; a link to a page was saved, or the server answered with an error page",
    "pointer": "it is a Git LFS pointer of a few lines, not the checkpoint it stands for",
    "text": "it is a text, not a checkpoint; the server may have answered with an error",
    "empty": "it is empty",
    "unknown": "it is no format that holds tensors, or its beginning is damaged",
}


def format_of(path: Path) -> Format:
    """The format of the file at `path`. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(_ENOUGH)
    if not head:
        return "empty"
    if head[:4] == b"PK\x03\x04":
        return "zip"
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") <= _LONGEST_HEADER:
        return "safetensors"
    # Protocols 2 to 5: what torch.save wrote before it wrote zip files.
    if head[:1] == b"\x80" and 2 <= head[1] <= 5:
        return "pickle"
    if head.startswith(b"version https://git-lfs"):
        return "pointer"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--", b"<body")):
        return "page"
    return "text" if _is_text(head) else "unknown"


def safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: dtype, shape and offsets by tensor.

    Raises EngineError, naming the file, where the header is damaged or the file is not as long as it says.
    """
    actual = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_LONGEST_HEADER, actual - 8):
            raise damaged(path, f"it is cut off: its header alone has {length} bytes, and the file has {actual}")
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise damaged(path, "its header is damaged") from error
    expected = 8 + length + max(ends, default=0)
    if actual < expected:
        raise damaged(path, f"it is cut off: it has {actual} of {expected} bytes")
    return header


def damaged(path: Path, problem: str) -> EngineError:
    """The error for a file that cannot be used as weights."""
    return EngineError(
        f"The weights {path} cannot be read: {problem}. Delete the file and get it again, for one with "
        "`deepsound models download`."
    )


def _is_text(head: bytes) -> bool:
    return all(byte >= 9 and byte != 127 for byte in head)
