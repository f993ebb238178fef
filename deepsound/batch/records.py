"""A clip's record, `<stem>.batch.json` beside its files: written last and whole, it is what makes a clip done."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from deepsound import __version__
from deepsound.batch.clips import Job
from deepsound.errors import OutputError
from deepsound.media.files import atomic_write, output_error
from deepsound.runtime.paths import is_dir_entry

SUFFIX = ".batch.json"
_LEFTOVER_AGE_S = 24 * 3600


@dataclass(frozen=True)
class Record:
    """How a clip ended: with which fingerprint, in how many seconds, by whom, with which files or for which reason.

    `files` maps names in the record's folder to sizes in bytes; `details` are figures of the result for the summary.
    """

    label: str
    status: Literal["done", "failed"]
    fingerprint: str
    seconds: float
    message: str = ""
    files: dict[str, int] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    deepsound_version: str = __version__
    ended_at: float = field(default_factory=time.time)

    def write(self, path: Path) -> None:
        """Put the record in place in one move. Raises OutputError."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(path.parent, error) from error
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(asdict(self), ensure_ascii=False) + "\n", "utf-8", "surrogateescape")

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """The record of a clip; None where there is none that can be read."""
        try:
            record = cls(**json.loads(path.read_text("utf-8", "surrogateescape")))
            valid = isinstance(record.files, dict) and isinstance(record.details, dict)
        except (OSError, ValueError, TypeError):
            return None
        return record if valid else None


def record_path(output_dir: Path, job: Job, suffix: str = SUFFIX) -> Path:
    """Where a clip's record is."""
    return output_dir / job.folder / f"{job.video.stem}{suffix}"


def is_done(path: Path, fingerprint: str) -> bool:
    """Whether the record says done with this fingerprint, and all its files are there in their sizes."""
    record = Record.read(path)
    if record is None or record.status != "done" or record.fingerprint != fingerprint:
        return False
    try:
        return all((path.parent / name).stat().st_size == size for name, size in record.files.items())
    except OSError:
        return False


def delete_record(path: Path) -> None:
    """Remove a record before its clip's files are touched. Raises OutputError."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise OutputError(f"Cannot replace {path}: {error.strerror}.") from error


def clear_leftovers(output_dir: Path) -> int:
    """Remove what killed runs were working in, a day after they last wrote there; returns how many folders.

    A younger one may be another process's, at work on its shard.
    """
    waiting, leftovers = [output_dir], []
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                if not is_dir_entry(entry):
                    continue
                if not entry.name.startswith("."):
                    waiting.append(Path(entry.path))
                elif entry.name.endswith(".partial") and time.time() - entry.stat().st_mtime > _LEFTOVER_AGE_S:
                    leftovers.append(Path(entry.path))
    for folder in leftovers:
        shutil.rmtree(folder, ignore_errors=True)
    return len(leftovers)
