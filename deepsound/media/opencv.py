"""OpenCV where it is installed, in any version; nothing requires it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

_lock = Lock()
# How many are inside `one_opencv_thread`, and the host's number of threads before the first.
_inside, _host_threads = 0, 0


def find_opencv(*names: str) -> Any | None:
    """The module `cv2` if it has all of `names`; None where it is missing, does not load, or lacks one of them."""
    module = sys.modules["cv2"] if "cv2" in sys.modules else _imported()
    return module if module is not None and all(hasattr(module, name) for name in names) else None


@lru_cache(maxsize=1)
def _imported() -> Any | None:
    """The import is tried once: a missing package costs a search of every folder each time."""
    try:
        import cv2
    except (ImportError, AttributeError):  # a build for another numpy ends in either
        return None
    return cv2


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """One OpenCV thread inside, the host's number again after the last of those that are inside at once.

    Of small pictures the helpers take more processor time than they save: motion analysis of 320x180 took 2.1 s of it
    with two threads and 1.8 s with one, in the same time by the clock.
    """
    global _inside, _host_threads
    cv2 = find_opencv("getNumThreads", "setNumThreads")
    if cv2 is None:
        yield
        return
    with _lock:
        if not _inside:
            _host_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                cv2.setNumThreads(_host_threads)
