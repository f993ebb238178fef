"""Functions side by side in threads: stages that items pass, and a map over some at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from deepsound.runtime.progress import Progress

Item = TypeVar("Item")
Result = TypeVar("Result")

# Enough that no stage waits for one slow item of another.
MOST_WAITING = 8


class Stages:
    """A chain of functions, each in a thread of its own, that items pass in order.

    An item's result in one stage is what the next one gets, so that each function sees the items in the order in which
    they were put in, and may keep a state of its own. At most `most_waiting` items are under way. It pays where the
    functions' time is spent outside Python. The threads end with the object.
    """

    def __init__(self, *functions: Callable[[Any], Any], most_waiting: int = MOST_WAITING) -> None:
        self._workers = [(ThreadPoolExecutor(1, thread_name_prefix="deepsound-stage"), each) for each in functions]
        self._most_waiting = most_waiting
        self._waiting: deque[Future[Any]] = deque()

    def put(self, item: object) -> None:
        """Hand on an item; waits while too many are under way. Raises what a stage raised for an earlier item."""
        while len(self._waiting) >= self._most_waiting:
            self._waiting.popleft().result()
        under_way: Future[Any] | None = None
        for executor, function in self._workers:
            under_way = executor.submit(_run, function, item, under_way)
        if under_way is not None:
            self._waiting.append(under_way)

    def drain(self) -> None:
        """Wait for all items that are under way. Raises what a stage raised for one of them."""
        while self._waiting:
            self._waiting.popleft().result()


def _run(function: Callable[[Any], Any], item: object, before: Future[Any] | None) -> Any:
    """`function` of what the stage before has made of `item`."""
    return function(item if before is None else before.result())


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
