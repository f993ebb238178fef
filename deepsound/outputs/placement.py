"""Atomic placement of a run's files by a journal, rolled back on failure.

In a staging folder, `new/<n>.*` are the run's files, `old/<n>` the earlier ones, and `journal.json` names both while
they are being moved. Its removal is the moment at which the new files count; whoever finds it moves everything back.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deepsound.errors import Cancelled, OutputError
from deepsound.media.files import advice, output_error
from deepsound.outputs.naming import PICTURES, RECORD, SOUNDS, STEM_FILES, STEP_VIDEOS, TIMELINE, VIDEOS, VOICE
from deepsound.runtime.file_lock import try_lock
from deepsound.runtime.json_files import json_bytes, read_json_object
from deepsound.runtime.paths import escaped, lexists

JOURNAL = "journal.json"
NEW, OLD = "new", "old"
SUFFIXES = frozenset((RECORD, *SOUNDS, VOICE, *STEM_FILES, TIMELINE, *VIDEOS, *STEP_VIDEOS, *PICTURES))
_LOCK_WAIT_S = 30.0
# File systems that cannot sync one file say so with these; there is nothing to be done about it.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


@dataclass(frozen=True)
class Journal:
    """The moves of one placement: the names' common stem, the new suffixes and the earlier ones, in order."""

    stem: str
    new: tuple[str, ...]
    old: tuple[str, ...]


def place(staging: Path, folder: Path, stem: str, new: Sequence[str], replaced: Sequence[str]) -> None:
    """Move `new/<n>.*` of `staging` to `<stem><new[n]>` in `folder`; earlier files of these and of `replaced` go.

    The record goes first and comes last, so that no record ever speaks of files that are not its own. Raises
    OutputError, which says whether the folder holds the earlier files, or Cancelled where all new ones are in place.
    The caller holds the folder's lock.
    """
    earlier = [suffix for suffix in dict.fromkeys((RECORD, *new, *replaced)) if is_there(folder, stem, suffix)]
    journal = Journal(stem, tuple(new), tuple(earlier))
    try:
        _begin(staging, journal)
        _move(staging, folder, journal)
        (staging / JOURNAL).unlink()
    except BaseException as error:
        _settle(staging, folder, journal, error)
    try:
        _sync_folder(folder)
    except OSError:
        return
    except BaseException as error:
        raise too_late(folder) from error


def staged_name(number: int, suffix: str) -> str:
    """The name of a run's file while it is made: short, without the stem, with the suffix that writers go by."""
    return f"{number}.{suffix.rpartition('.')[2]}"


def too_late(folder: Path) -> Cancelled:
    """The Cancelled of a run that was stopped when its files were in place already."""
    return Cancelled(
        f"Stopped, but only after this run's files were put in place: {escaped(folder)} holds all of them."
    )


def is_there(folder: Path, stem: str, suffix: str) -> bool:
    """Whether a file of that name is in `folder`, links included. Raises OutputError for a folder, pipe or device."""
    path = folder / (stem + suffix)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise output_error(path, error) from error
    if stat.S_ISDIR(mode):
        raise OutputError(f"Cannot write {escaped(path)}: it is a folder; rename it, or choose another output folder.")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"Cannot write {escaped(path)}: it is a pipe or device; choose another output folder.")
    return True


def undo(staging: Path, folder: Path) -> None:
    """Move everything back that an interrupted placement in `staging` has moved; nothing where there was none.

    Each move is made only where it is still due, so that an undo that was itself stopped can be made again. The
    caller holds the folder's lock. Raises OutputError for a journal that cannot be read or a move that fails.
    """
    if not lexists(staging / JOURNAL, OutputError):
        return
    journal = _read_journal(staging / JOURNAL)
    try:
        _move_back(staging, folder, journal)
    except (OSError, OutputError) as error:
        raise OutputError(
            f"{escaped(folder)} holds a mixture of {escaped(journal.stem)}'s earlier files and a stopped run's; "
            f"moving the earlier ones back from {escaped(staging / OLD)} failed ({_why(error)})."
        ) from error


@contextmanager
def folder_lock(folder: Path, check: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Keep other processes from moving files in `folder` meanwhile; yields whether its file system can do so.

    `check` is called while another process is waited for, and may raise to end that.
    """
    if os.name == "nt":
        yield False
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        # A folder that may be written and not listed.
        yield False
        return
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        give_up = time.monotonic() + _LOCK_WAIT_S
        while (lock := try_lock(descriptor)) == "held":
            if time.monotonic() > give_up:
                raise OutputError(
                    f"Another process has been putting files into {escaped(folder)} for {_LOCK_WAIT_S:.0f} s; "
                    "try again, or choose another output folder."
                )
            check()
            time.sleep(0.02)
        yield lock == "taken"
    finally:
        os.close(descriptor)


def sync_new(staging: Path, folder: Path, new: Sequence[str]) -> None:
    """Have the system write a run's files to its disk, before the folder is locked: that can take long.

    Raises OutputError.
    """
    try:
        for number, suffix in enumerate(new):
            _sync(staging / NEW / staged_name(number, suffix))
    except OSError as error:
        raise output_error(folder, error) from error


def _sync(path: Path) -> None:
    _fsync_and_close(os.open(path, os.O_RDWR))


def _begin(staging: Path, journal: Journal) -> None:
    (staging / OLD).mkdir()
    draft = staging / "journal.draft"
    draft.write_bytes(json_bytes({"stem": journal.stem, "new": journal.new, "old": journal.old}))
    _sync(draft)
    draft.replace(staging / JOURNAL)
    _sync_folder(staging)


def _move(staging: Path, folder: Path, journal: Journal) -> None:
    for number, suffix in enumerate(journal.old):
        (folder / (journal.stem + suffix)).replace(staging / OLD / str(number))
    for number, suffix in enumerate(journal.new):
        (staging / NEW / staged_name(number, suffix)).replace(folder / (journal.stem + suffix))
    _sync_folder(folder)


def _move_back(staging: Path, folder: Path, journal: Journal) -> None:
    for number, suffix in reversed(tuple(enumerate(journal.new))):
        target = folder / (journal.stem + suffix)
        made = staging / NEW / staged_name(number, suffix)
        if not lexists(made, OutputError) and lexists(target, OutputError):
            target.replace(made)
    for number, suffix in reversed(tuple(enumerate(journal.old))):
        aside = staging / OLD / str(number)
        if lexists(aside, OutputError):
            aside.replace(folder / (journal.stem + suffix))
    _sync_folder(folder)
    (staging / JOURNAL).unlink()


def _settle(staging: Path, folder: Path, journal: Journal, error: BaseException) -> NoReturn:
    """Move everything back and raise what ended the placement, with what the folder holds now."""
    try:
        if lexists(staging / JOURNAL, OutputError):
            _move_back(staging, folder, journal)
        elif not lexists(staging / NEW / staged_name(0, journal.new[0]), OutputError):
            raise too_late(folder) from error
    except (OSError, OutputError) as second:
        raise OutputError(
            f"{escaped(folder)} holds a mixture of this run's files and earlier ones: putting them in place failed "
            f"({_why(error)}), and so did moving the earlier ones back ({_why(second)}). The next run into this folder "
            f"moves them back; they are in {escaped(staging / OLD)}."
        ) from error
    if isinstance(error, OSError):
        kept = "the earlier files there are as they were" if journal.old else "nothing was changed there"
        raise OutputError(f"Cannot write into {escaped(folder)}: {_why(error)}; {kept}.") from error
    raise error


def _why(error: BaseException) -> str:
    return advice(error) if isinstance(error, OSError) else str(error)


def _read_journal(path: Path) -> Journal:
    content = read_json_object(path, "the journal of an interrupted run", OutputError)
    stem, new, old = (content.get(name) for name in ("stem", "new", "old"))
    sane = isinstance(stem, str) and stem and not set(stem) & {"/", "\\", "\0"}
    if not sane or not all(
        isinstance(suffixes, list) and all(isinstance(suffix, str) and suffix in SUFFIXES for suffix in suffixes)
        for suffixes in (new, old)
    ):
        raise OutputError(
            f"{escaped(path)} is not a journal of this program; remove its folder {escaped(path.parent)}."
        )
    return Journal(str(stem), tuple(new or ()), tuple(old or ()))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    _fsync_and_close(descriptor)


def _fsync_and_close(descriptor: int) -> None:
    """Flush to the disk, where the file system can."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
