"""Contents of the cache folder, and their removal: features, long runs, measurements."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.runtime.cache_folder import own_cache
from deepsound.runtime.paths import file_statuses, is_dir, is_symlink

# What is computed again when it is gone, by its name in the folder; everything else there is weights.
KINDS = {
    "features": "encoder outputs and decoded clips of earlier runs; computed again when needed",
    "long_runs": "what interrupted runs on long sounds go on from; deleted after a week",
    "run_times": "how long the steps of earlier runs took; `deepsound run --dry-run` estimates from it",
    "hashes.json": "hashes of weights that were read; computed again when needed",
    "cpu_precision.json": "which precision this CPU is fast in; measured again when needed",
}
WEIGHTS = "weights that were downloaded; `deepsound models remove NAME` removes them"


@dataclass(frozen=True)
class CacheEntry:
    """One file or folder of the cache: its name, its bytes, when it was last used (seconds since 1970), what it is.

    `is_prunable` entries are computed again when they are needed.
    """

    name: str
    path: Path
    bytes: int
    used_at: float
    what: str
    is_prunable: bool


def entries(folder: Path | None = None) -> list[CacheEntry]:
    """What lies in the cache `folder` (default: this process's own), by name; nothing where there is none."""
    folder = folder or own_cache()
    if not is_dir(folder):
        return []
    return [_entry(path) for path in sorted(folder.iterdir())]


def prune(older_than_s: float = 0.0, folder: Path | None = None) -> list[CacheEntry]:
    """Delete what is computed again when needed, last used more than `older_than_s` seconds ago; weights stay.

    Returns what was deleted, entry by entry of each prunable folder. Raises OutputError where the system refuses.
    """
    limit = time.time() - older_than_s
    deleted = []
    for entry in entries(folder):
        if not entry.is_prunable:
            continue
        parts = [_part(path, entry) for path in sorted(entry.path.iterdir())] if is_dir(entry.path) else [entry]
        for part in parts:
            if older_than_s <= 0 or part.used_at < limit:
                _delete(part.path)
                deleted.append(part)
    return deleted


def _entry(path: Path) -> CacheEntry:
    kind = KINDS.get(path.name)
    return CacheEntry(path.name, path, *_size_and_time(path), kind or WEIGHTS, kind is not None)


def _part(path: Path, of: CacheEntry) -> CacheEntry:
    return CacheEntry(f"{of.name}/{path.name}", path, *_size_and_time(path), of.what, True)


def _size_and_time(path: Path) -> tuple[int, float]:
    sizes, times = 0, 0.0
    for status in file_statuses(path):
        sizes += status.st_size
        times = max(times, status.st_mtime, status.st_atime)
    return sizes, times


def _delete(path: Path) -> None:
    try:
        if is_dir(path) and not is_symlink(path):
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"The cache's {path.name} cannot be deleted: {error.strerror}; end what uses it, or change its permissions."
        ) from error
