"""Advisory lock on an open file; the system releases it when the process ends."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Literal

# `unsupported`: a file system (some network shares) without locks.
Lock = Literal["taken", "held", "unsupported"]
_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


def try_lock(descriptor: int) -> Lock:
    """Lock an open file without waiting: taken now, or held by another descriptor."""
    try:
        _lock(descriptor)
    except OSError as error:
        return "held" if error.errno in _HELD else "unsupported"
    return "taken"


def is_locked(path: Path) -> Lock:
    """How the file at `path` is locked; the lock is not kept. Raises OSError where it cannot be opened."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


if os.name == "nt":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # One byte far behind the end, so that what the file holds can still be read.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
