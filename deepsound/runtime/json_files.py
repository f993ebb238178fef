"""Bounded reader of untrusted JSON files, and a writer that takes any file name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from deepsound.errors import DeepSoundError, InputError
from deepsound.runtime.paths import escaped, exists, is_file

MAX_BYTES = 64 << 20
MAX_DEPTH = 100


def json_bytes(data: Any) -> bytes:
    """`data` as indented UTF-8 JSON; bytes of a file name that are no UTF-8 become `\\udcNN` escapes.

    Raises ValueError for numbers that JSON does not have (NaN, infinity).
    """
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    # A lone surrogate can only be inside of a string, where the escape that this handler writes is JSON's own.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def finite(data: Any) -> Any:
    """`data` with null for every number that JSON does not have (NaN, infinity): such as the loss of a failed step."""
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def read_json_object(
    path: Path, what: str, error: type[DeepSoundError] = InputError, max_bytes: int = MAX_BYTES
) -> dict[str, Any]:
    """The JSON object in a regular file. Raises `error`, which calls the file `what`, for anything else.

    Refused are folders and pipes, more than `max_bytes`, more than 100 levels, NaN and infinite numbers, what is not
    UTF-8, and objects that are lists.
    """
    if not is_file(path, error):
        reason = "it is not a regular file" if exists(path, error) else "it does not exist"
        raise error(f"{escaped(path)} cannot be read as {what}: {reason}.")
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
        if len(raw) > max_bytes:
            raise ValueError(f"it is larger than {max_bytes / 2**20:g} MiB")
        content = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        _check_values(content)
    except OSError as reason:
        raise error(f"{escaped(path)} cannot be read as {what}: {reason.strerror or reason}.") from reason
    except RecursionError:
        raise error(f"{escaped(path)} cannot be read as {what}: it is nested too deeply.") from None
    except (ValueError, MemoryError) as reason:
        raise error(f"{escaped(path)} cannot be read as {what}: {str(reason)[:200]}.") from reason
    if not isinstance(content, dict):
        raise error(f"{escaped(path)} cannot be read as {what}: it holds a {type(content).__name__}, not an object.")
    return content


def _check_values(content: Any) -> None:
    """Raise ValueError for a value nested too deeply, or a number that is not finite."""
    level = [content]
    for _ in range(MAX_DEPTH):
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise ValueError("it holds a number that is not finite")
        level = [
            inner
            for value in level
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no JSON number")
