"""SHA-256 hashes of weight files, cached by path, size and modification time."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.media.files import atomic_write
from deepsound.runtime.digests import file_digests
from deepsound.runtime.progress import Progress
from deepsound.weights.search_paths import own_cache


def sha256_of(path: Path, progress: Progress = Progress()) -> str:
    """The file's SHA-256 in hexadecimal, remembered for as long as its size and time stay the same.

    Raises OSError where it cannot be read.
    """
    status = path.stat()
    known, key = _stored_hashes(), f"{path.resolve()}@{status.st_size}@{status.st_mtime_ns}"
    if key not in known:
        known[key] = file_digests(path, ("sha256",), progress)["sha256"]
        _remember(known)
    return known[key]


def _memory() -> Path:
    return own_cache() / "hashes.json"


def _stored_hashes() -> dict[str, str]:
    try:
        content = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)} if isinstance(content, dict) else {}


def _remember(known: dict[str, str]) -> None:
    """Best effort: without a folder to write to, the next run reads the file again."""
    with suppress(OSError, OutputError):
        _memory().parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(_memory()) as partial:
            partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
