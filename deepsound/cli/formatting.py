"""Output formats that several commands share: JSON on stdout and sizes for a person to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepsound.cli.process import flush_stdout, real_stdout
from deepsound.errors import OutputError
from deepsound.runtime.json_files import finite
from deepsound.runtime.json_schemas import versioned

if TYPE_CHECKING:
    from deepsound.weights.catalogue import Weights


def print_json(schema: str, content: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Print a record, or a list of records, as JSON with the version of a schema of runtime.json_schemas.

    It is ASCII, so that it goes through a pipe of any encoding; paths become text, and NaN and infinity null.

    Raises OutputError where stdout takes no more.
    """
    stamped: object
    if isinstance(content, Mapping):
        stamped = versioned(schema, content)
    else:
        stamped = [versioned(schema, record) for record in content]
    try:
        print(json.dumps(finite(stamped), indent=2, default=str, allow_nan=False), file=real_stdout())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"The JSON cannot be written to stdout: {error.strerror}. Write it elsewhere, as in > result.json."
        ) from error
    flush_stdout()


def size_text(entry: Weights) -> str:
    """The size of a download for a person to read."""
    if entry.size is None:
        return "?"
    return ("" if entry.size_is_exact else "~") + bytes_text(entry.size)


def bytes_text(count: int) -> str:
    """A number of bytes for a person to read, as in 1.32 GB, 45 MB, 7 kB."""
    unit, scale = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6) if count >= 1e6 else ("kB", 1e3)
    return f"{count / scale:.{2 if unit == 'GB' else 0}f} {unit}"
