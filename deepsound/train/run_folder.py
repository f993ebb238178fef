"""Locks of a training folder: one run at a time, one writer of its data set at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.media.files import output_error, require_writable
from deepsound.runtime.file_lock import try_lock
from deepsound.runtime.paths import escaped

_RUN, _WRITER = ".run.lock", ".writer.lock"
_WAIT_S = 20.0


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Keep a second run out of `folder` meanwhile; of several processes of one run the first holds it.

    Raises OutputError where another run is at work there. Where the file system has no locks, it is not noticed.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    with _locked(folder / _RUN, 0.0, "another run is at work in it"):
        yield


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from writing the data set in `folder` between a reading and a writing of it.

    Raises OutputError where another one holds it for longer than that can take.
    """
    with _locked(folder / _WRITER, _WAIT_S, f"another process has been writing for {_WAIT_S:.0f} s"):
        yield


@contextmanager
def _locked(file: Path, wait_s: float, why: str) -> Iterator[None]:
    require_writable(file.parent)
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise output_error(file.parent, error) from error
    try:
        give_up = time.monotonic() + wait_s
        while try_lock(descriptor) == "held":
            if time.monotonic() >= give_up:
                raise OutputError(
                    f"Cannot write to {escaped(file.parent)}: {why}; wait for its end, or choose another folder."
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
