"""Runs blocking work in a daemon thread so that cancellation returns promptly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from deepsound.runtime.progress import Progress

T = TypeVar("T")

_POLL_S = 0.1
_LEAVE_S = 0.5


def run_in_background(
    work: Callable[[threading.Event], T],
    progress: Progress,
    fraction: Callable[[], float | None] = lambda: None,
) -> T:
    """What `work` returns or raises. Meanwhile `fraction` is reported and cancellation asked for ten times a second.

    `work` is given an event; once that is set, its result is not waited for and it must change nothing any more.
    """
    stop = threading.Event()
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work(stop))
        except BaseException as error:
            failure.append(error)

    worker = threading.Thread(target=run, daemon=True, name="deepsound-download")
    worker.start()
    try:
        while worker.is_alive():
            worker.join(_POLL_S)
            progress.update(fraction())
    finally:
        stop.set()
        # A read that hangs is left behind, its file untouched from here on.
        worker.join(_LEAVE_S)
    if failure:
        raise failure[0]
    result: T = outcome[0]
    return result
