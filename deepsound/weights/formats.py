"""File format detection by magic bytes, and checked headers of safetensors and JSON files."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any, Literal

from deepsound.errors import EngineError
from deepsound.runtime.paths import escaped

Format = Literal["safetensors", "zip", "pickle", "page", "pointer", "text", "empty", "unknown"]

_ENOUGH = 512
# The longest header that safetensors allows, and the longest that is read here: published ones have at most a few MB,
# and parsing 100 MB takes gigabytes.
_LONGEST_HEADER, _LONGEST_READ = 100_000_000, 25_000_000
# Settings and indexes are kB, tokenizers up to 20 MB.
_LONGEST_JSON = 64_000_000

# Bits of an element by safetensors' name of its type; types that are not here are left to safetensors itself.
_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}

# What code raises that reads settings or tensors of wrong types, sizes or depths.
MALFORMED = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError),
    *(RecursionError, MemoryError, RuntimeError),
)

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
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pickle"
    if head.startswith(b"version https://git-lfs"):
        return "pointer"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--", b"<body")):
        return "page"
    return "text" if _is_text(head) else "unknown"


def require_regular(path: Path) -> None:
    """Raise EngineError for a named pipe, socket or device, which would be waited for; OSError where nothing is."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise damaged_file(path, "it is a folder, a pipe or a device, not a regular file")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ValueError for other content, too deep or too long, OSError if unreadable."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is a folder, a pipe or a device, not a regular file")
    with path.open("rb") as file:
        data = file.read(_LONGEST_JSON + 1)
    if len(data) > _LONGEST_JSON:
        raise ValueError(f"it is longer than {_LONGEST_JSON >> 20} MB, so it holds no settings")
    try:
        return json.loads(data.decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_settings(path: Path, advice: str) -> dict[str, Any]:
    """The settings by name in a JSON file. Raises EngineError, naming the file and ending with `advice`, if none."""
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise EngineError(f"{escaped(path)} cannot be read as settings ({reason}). {advice}") from error
    if not isinstance(content, dict):
        raise EngineError(
            f"{escaped(path)} holds a {type(content).__name__} where settings by name are expected. {advice}"
        )
    return content


def safetensors_header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: dtype, shape and offsets by tensor.

    Raises EngineError, naming the file, where the header is damaged or the file is not as long as it says.
    """
    actual = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > actual - 8:
            raise damaged_file(path, f"it is cut off: its header alone has {length} bytes, and the file has {actual}")
        if length > _LONGEST_READ:
            raise damaged_file(path, f"its header has {length} bytes; expected at most {_LONGEST_READ}")
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
            spans = sorted(_checked_span(name, entry) for name, entry in entries.items())
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise damaged_file(path, "its header is damaged") from error
    if any(begin != end for (begin, _), (_, end) in zip(spans[1:], spans, strict=False)):
        raise damaged_file(path, "its header is damaged: its tensors overlap or leave gaps")
    expected = 8 + length + max((end for _, end in spans), default=0)
    if actual < expected:
        raise damaged_file(path, f"it is cut off: it has {actual} of {expected} bytes")
    return header


def _checked_span(name: str, entry: dict[str, Any]) -> tuple[int, int]:
    """The first and the last byte of a tensor. Raises ValueError where its shape and its bytes do not agree."""
    (begin, end), shape = entry["data_offsets"], entry["shape"]
    if not all(type(number) is int and number >= 0 for number in (begin, end, *shape)) or begin > end:
        raise ValueError(f"the shape or the place of {name} is no row of whole numbers")
    bits = _BITS.get(entry["dtype"])
    if bits is not None and math.prod(shape) * bits != 8 * (end - begin):
        raise ValueError(f"{name} has {end - begin} bytes, which its shape does not")
    return begin, end


def damaged_file(path: Path, problem: str) -> EngineError:
    """The error for a file that cannot be used as weights."""
    return EngineError(
        f"The weights {escaped(path)} cannot be read: {escaped(problem)}. Delete the file and get it again, for one "
        "with `deepsound models download`."
    )


def _is_text(head: bytes) -> bool:
    return all(byte >= 9 and byte != 127 for byte in head)
