"""Staging folders: each has a marker and a lock, and only such a one is removed.

All of an output folder's staging folders are in its hidden `.deepsound-staging-<user>`: `<id>/` holds the files of a
run at work, `<id>.json` beside it is the marker. A marker outlives its folder, so nothing can be left without one.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.media.files import output_error
from deepsound.outputs.placement import JOURNAL, NEW, folder_lock, undo
from deepsound.runtime.file_lock import is_locked, try_lock
from deepsound.runtime.json_files import json_bytes, read_json_object
from deepsound.runtime.paths import escaped, lexists

_MADE_BY = "deepsound-staging"
_MARKER_NAME = re.compile(r"[0-9a-f]{16}\.json")
# Of a process on another machine nothing can be known; after a day it counts as dead.
_FOREIGN_AGE_S = 24 * 3600
_ATTEMPTS = 100


@dataclass(frozen=True)
class StagingFolder:
    """A staging folder of this process: `path` to work in, and its marker, open and locked."""

    path: Path
    marker: Path
    descriptor: int

    def remove(self) -> None:
        """Remove the folder and its marker; one that holds an interrupted placement stays for the next run."""
        try:
            if not lexists(self.path / JOURNAL, OutputError):
                _remove(self.path, self.marker)
        finally:
            os.close(self.descriptor)


def make_staging_folder(output_dir: Path) -> StagingFolder:
    """A new staging folder in `output_dir`, marked and locked before it exists. Raises OutputError."""
    parent = output_dir / _parent_name()
    try:
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):
                # The last run that ends removes the parent, perhaps just now.
                parent.mkdir(mode=0o700, exist_ok=True)
                with folder_lock(output_dir):
                    return _make(output_dir, parent)
    except OSError as error:
        raise output_error(parent, error) from error
    raise OutputError(f"{escaped(parent)} vanishes as soon as it is made; choose another output folder.")


def clear_leftovers(output_dir: Path) -> int:
    """Undo what killed runs left half done directly in `output_dir`, and remove their staging folders.

    Only this user's folders that carry this project's marker are touched, and only where no process is at work in
    them; returns how many were removed. Raises OutputError where an interrupted placement cannot be undone.
    """
    parent = output_dir / _parent_name()
    if not _is_ours(output_dir, parent):
        return 0
    with folder_lock(output_dir) as locked:
        undo_interrupted(output_dir, locked)
        if locked:
            _clear_unwritten(parent)
        return sum(_clear(marker) for marker in _markers(parent))


def undo_interrupted(output_dir: Path, locked: bool) -> None:
    """Move back what interrupted placements in `output_dir` have moved; the caller holds the folder's lock.

    Where the file system has no locks, only what certainly dead processes left is undone.
    """
    parent = output_dir / _parent_name()
    if not _is_ours(output_dir, parent):
        return
    for marker in _markers(parent):
        staging = marker.with_suffix("")
        if lexists(staging / JOURNAL, OutputError) and (locked or not _is_alive(marker)):
            undo(staging, output_dir)


def _make(output_dir: Path, parent: Path) -> StagingFolder:
    path = parent / secrets.token_hex(8)
    marker = path.with_suffix(".json")
    descriptor = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        content = {
            "made_by": _MADE_BY,
            "for": str(output_dir.resolve()),
            "process": os.getpid(),
            "host": platform.node(),
            "boot": _boot_id(),
            "is_locked": try_lock(descriptor) == "taken",
        }
        os.write(descriptor, json_bytes(content))
        path.mkdir(mode=0o700)
        (path / NEW).mkdir()
    except BaseException:
        _remove(path, marker)
        os.close(descriptor)
        raise
    return StagingFolder(path, marker, descriptor)


def _markers(parent: Path) -> Iterator[Path]:
    """The markers in the folder of staging folders that were made by this project for the place where they are."""
    try:
        markers = sorted(path for path in parent.iterdir() if _MARKER_NAME.fullmatch(path.name))
    except OSError:
        return
    for marker in markers:
        with suppress(OutputError):
            content = read_json_object(marker, "a staging folder's marker", OutputError, max_bytes=1 << 16)
            if content.get("made_by") == _MADE_BY and content.get("for") == str(parent.parent.resolve()):
                yield marker


def _clear_unwritten(parent: Path) -> None:
    """Remove the empty markers of processes that were killed before they wrote them; none has a folder yet.

    Markers are made and written under the folder's lock, which the caller holds: no process is just about to.
    """
    with suppress(OSError, OutputError):
        for marker in list(parent.iterdir()):
            alone = _MARKER_NAME.fullmatch(marker.name) and not lexists(marker.with_suffix(""), OutputError)
            if alone and marker.lstat().st_size == 0:
                _remove(marker.with_suffix(""), marker)
        parent.rmdir()


def _clear(marker: Path) -> bool:
    staging = marker.with_suffix("")
    if lexists(staging / JOURNAL, OutputError) or _is_alive(marker):
        return False
    _remove(staging, marker)
    return not lexists(staging, OutputError)


def _remove(staging: Path, marker: Path) -> None:
    """Remove a staging folder, then its marker, then the folder of all of them if it was the last."""
    shutil.rmtree(staging, ignore_errors=True)
    with suppress(OSError, OutputError):
        if not lexists(staging, OutputError):
            marker.unlink(missing_ok=True)
        marker.parent.rmdir()


def _is_alive(marker: Path) -> bool:
    """Whether the process that made a marker may still be at work; when in doubt, it is."""
    try:
        content = read_json_object(marker, "a staging folder's marker", OutputError, max_bytes=1 << 16)
        lock = is_locked(marker)
        age_s = time.time() - marker.stat().st_mtime
    except FileNotFoundError:
        return False
    except (OSError, OutputError):
        return True
    if lock == "held":
        return True
    same_boot = bool(content.get("boot")) and content.get("boot") == _boot_id()
    if not same_boot and content.get("host") != platform.node():
        return age_s < _FOREIGN_AGE_S
    if lock == "taken" and content.get("is_locked") is True:
        return False
    return same_boot and _is_running(content.get("process"))


def _is_running(process: object) -> bool:
    if not isinstance(process, int) or process <= 0 or os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _is_ours(output_dir: Path, parent: Path) -> bool:
    """Whether the folder of staging folders is a folder itself, and this user's."""
    try:
        status, around = parent.lstat(), output_dir.stat()
    except (OSError, ValueError):
        return False
    # A share that shows all files as one user's shows the output folder as that user's too.
    mine = os.name == "nt" or status.st_uid in (os.geteuid(), around.st_uid)
    return stat.S_ISDIR(status.st_mode) and mine


def _parent_name() -> str:
    return ".deepsound-staging" if os.name == "nt" else f".deepsound-staging-{os.geteuid()}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
