"""Turns at computing: work that waits for a server lets other work of the process go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_POLL_S = 0.1


class Turns:
    """One thread computes at a time, and at most `waiting` wait for servers meanwhile."""

    def __init__(self, waiting: int) -> None:
        self.computing = threading.Lock()
        self.waiting = threading.BoundedSemaphore(waiting)

    @contextmanager
    def turn(self, check: Callable[[], None]) -> Iterator[None]:
        """Inside, this thread computes; `check` raises to give up while others do."""
        _acquire(self.computing, check)
        mine = _Turn(self, is_held=True)
        token = _current.set(mine)
        try:
            yield
        finally:
            _current.reset(token)
            if mine.is_held:
                self.computing.release()


@dataclass
class _Turn:
    turns: Turns
    is_held: bool


_current: ContextVar[_Turn | None] = ContextVar("turn", default=None)


@contextmanager
def waiting_for_server(check: Callable[[], None]) -> Iterator[None]:
    """Inside, this thread only waits: another one may compute. Nothing changes outside of a turn.

    After an error the turn is not taken up again: what is left to do then is little.
    """
    mine = _current.get()
    if mine is None or not mine.is_held:
        yield
        return
    mine.is_held = False
    mine.turns.computing.release()
    _acquire(mine.turns.waiting, check)
    try:
        yield
    finally:
        mine.turns.waiting.release()
    _acquire(mine.turns.computing, check)
    mine.is_held = True


def _acquire(lock: threading.Lock | threading.BoundedSemaphore, check: Callable[[], None]) -> None:
    while not lock.acquire(timeout=_POLL_S):
        check()
