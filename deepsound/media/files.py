"""Atomic file writing: a failed or cancelled run leaves the earlier file as it was."""

from __future__ import annotations

import errno
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.runtime.paths import escaped, exists, is_dir, is_file

_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file is too large for this disk; choose another one",
    errno.EACCES: "permission denied; choose a folder you may write to",
    errno.EPERM: "permission denied; choose a folder you may write to",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
    errno.ENOENT: "its folder does not exist; create it or choose another one",
    errno.EEXIST: "something else of that name is there; choose another folder or name",
    errno.EIO: "the disk reports an error; choose a folder on another one",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` to write to; it takes `path`'s place on success and is removed otherwise.

    Raises OutputError, naming `path` and what to do, for any OSError met on the way.
    """
    target = Path(path)
    check_output_path(target)
    # The suffix stays, since writers choose a format by it; the stem goes, so that a long name stays within limits.
    partial = target.with_name(f".{secrets.token_hex(6)}.partial{target.suffix}")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        _remove(partial)


def check_output_path(target: Path) -> None:
    """Raise OutputError when `target` cannot be a file's path: empty, with a null byte, a folder, pipe or device."""
    if "\0" in str(target) or not target.name:
        raise OutputError(f"Cannot write {str(target)!r}: this is not a file name; choose another one.")
    if is_dir(target, OutputError):
        raise OutputError(f"Cannot write {escaped(target)}: it is a folder; add a file name.")
    if exists(target, OutputError) and not is_file(target, OutputError):
        raise OutputError(f"Cannot write {escaped(target)}: it is a pipe or device, not a file; choose another name.")


def require_writable(output_dir: Path) -> None:
    """Make the output folder if there is none. Raises OutputError where no file can be made in it."""
    if "\0" in str(output_dir):
        raise OutputError(f"The output folder {str(output_dir)!r} has a null byte in it; choose another one.")
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output_dir):
            pass
    except OSError as error:
        raise output_error(output_dir, error) from error


def output_error(target: Path, error: OSError) -> OutputError:
    """The OutputError that says in plain words why `target` could not be written."""
    return OutputError(f"Cannot write {escaped(target)}: {advice(error)}.")


def advice(error: OSError) -> str:
    """Why the system refused to write, and what to do, in plain words."""
    return _ADVICE.get(error.errno or 0, f"{error.strerror or error}; choose another folder or name")


def _remove(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:
        # The folder itself is unreachable (a file in its path, say), so nothing was written there either.
        return
