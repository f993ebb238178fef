"""Functions in threads: two stages that items pass in order, and a map over some at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from deepsound.runtime.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items that go to the thread together, and how many such batches are under way: enough that neither side waits for one
# slow item of the other. Each handing over wakes a thread, which costs as much as a tenth of a frame's work.
AT_ONCE, MOST_WAITING = 2, 4


class Stages:
    """Two functions that items pass in order: `first` in a thread of its own, `last` where items are put.

    What `first` makes of an item is what `last` gets. Each sees the items in the order in which they were put in, and
    may keep a state of its own. It pays where the time of `first` is spent outside Python. The thread ends with the
    object.
    """

    def __init__(
        self,
        first: Callable[[Any], Any],
        last: Callable[[Any], Any],
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deepsound-stage")
        self._first, self._last = first, last
        self._at_once, self._most_waiting = at_once, most_waiting
        self._batch: list[Any] = []
        self._waiting: deque[Future[list[Any]]] = deque()

    def put(self, item: object) -> None:
        """Hand on an item; waits while too many are under way. Raises what a stage raised for an earlier item."""
        self._batch.append(item)
        if len(self._batch) == self._at_once:
            self._send()
            while len(self._waiting) > self._most_waiting:
                self._take()

    def drain(self) -> None:
        """Wait for all items that are under way. Raises what a stage raised for one of them."""
        self._send()
        while self._waiting:
            self._take()

    def _send(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            self._waiting.append(self._thread.submit(_each, self._first, batch))

    def _take(self) -> None:
        for made in self._waiting.popleft().result():
            self._last(made)


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    return [function(item) for item in items]


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], at_once: int, progress: Progress
) -> list[Result]:
    """`function` of each of `items`, in order, some `at_once`; a single one in the thread that asks.

    Raises what `function` or `progress` raises first; what has not begun then is left out.
    """
    if len(items) < 2:
        return [function(item) for item in progress.track(items, len(items))]
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="deepsound-map")
    try:
        return list(progress.track(pool.map(function, items), len(items)))
    finally:
        pool.shutdown(cancel_futures=True)
