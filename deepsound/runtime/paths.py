"""Path queries that raise the library's errors: existence, kind, contents, `~`.

`pathlib` answers False for what is not there and raises (or, since Python 3.14, hides) everything else: a folder
without search permission, a name too long, a dead network share. Here everything else is one sentence.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsound.errors import DeepSoundError, InputError

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EBADF}
_ADVICE = {
    errno.EACCES: "permission denied; change the permissions of its folder, or name another path",
    errno.EPERM: "permission denied; change the permissions of its folder, or name another path",
    errno.ENAMETOOLONG: "the name is too long for this file system; shorten it",
}
AnyPath = str | os.PathLike[str]


def exists(path: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether something is at `path`, links followed. Raises `error` where the system does not let one see."""
    return _status(path, error) is not None


def is_file(path: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether `path` is a regular file, links followed. Raises `error` where the system does not let one see."""
    status = _status(path, error)
    return status is not None and stat.S_ISREG(status.st_mode)


def is_dir(path: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether `path` is a folder, links followed. Raises `error` where the system does not let one see."""
    status = _status(path, error)
    return status is not None and stat.S_ISDIR(status.st_mode)


def is_symlink(path: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether `path` is a symbolic link. Raises `error` where the system does not let one see."""
    status = _status(path, error, follow=False)
    return status is not None and stat.S_ISLNK(status.st_mode)


def broken_link(path: AnyPath, error: type[DeepSoundError] = InputError) -> str:
    """Of a `path` that is not there, which symbolic link on the way leads nowhere, as a sentence; "" where none does.

    Raises `error` where the system does not let one see.
    """
    for place in (Path(path), *Path(path).parents):
        if exists(place, error):
            return ""
        if is_symlink(place, error):
            target = escaped(place.readlink())
            return f"{escaped(place)} is a link to {target}, which does not exist; mend the link or remove it."
    return ""


def lexists(path: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether something is at `path`, be it a broken link. Raises `error` where the system does not let one see."""
    return _status(path, error, follow=False) is not None


def is_same_file(one: AnyPath, other: AnyPath, error: type[DeepSoundError] = InputError) -> bool:
    """Whether both paths are there and are one file. Raises `error` where the system does not let one see."""
    first, second = _status(one, error), _status(other, error)
    return first is not None and second is not None and os.path.samestat(first, second)


def file_statuses(path: Path) -> Iterator[os.stat_result]:
    """Of the file, or of all files below the folder; links are not followed, and what vanishes is left out."""
    paths = [path]
    if is_dir(path) and not is_symlink(path):
        paths = [Path(root) / name for root, _, names in os.walk(path) for name in names]
    for each in paths:
        try:
            yield each.lstat()
        except OSError:
            continue


def size_of(path: Path) -> int:
    """Bytes of the file, or of all files below the folder, as `file_statuses` finds them."""
    return sum(status.st_size for status in file_statuses(path))


def is_dir_entry(entry: os.DirEntry[str]) -> bool:
    """Whether what `os.scandir` found is a folder itself, not a link to one; False where that cannot be seen."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def expand(path: AnyPath, error: type[DeepSoundError] = InputError) -> Path:
    """`path` with its `~` replaced. Raises `error` for the home of a user who does not exist."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise error(
            f"{escaped(path)} begins with the home folder of a user who does not exist here; write the folder out."
        ) from None


def escaped(path: Any) -> str:
    """A path as a message can hold it: whole and on one line, bytes that are no UTF-8 written as `\\xNN`."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else str(path)
    try:
        plain = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        plain = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in plain)


def _status(path: AnyPath, error: type[DeepSoundError], follow: bool = True) -> os.stat_result | None:
    try:
        return Path(path).stat(follow_symlinks=follow)
    except OSError as reason:
        if reason.errno in _NOT_THERE:
            return None
        advice = _ADVICE.get(reason.errno or 0, f"{reason.strerror or reason}; check the path")
        raise error(f"{escaped(path)} cannot be reached: {advice}.") from reason
    except ValueError:
        # A null byte or a lone surrogate: no file system has such a name.
        return None
