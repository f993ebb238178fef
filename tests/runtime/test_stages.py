"""Tests of stages: order, errors, how many items are under way, and threads that end."""

from __future__ import annotations

import threading
import time

import pytest

from deepsound.errors import Cancelled
from deepsound.runtime.progress import Progress
from deepsound.runtime.stages import Stages, map_in_threads
from tests.waiting import LIMIT_S


@pytest.mark.parametrize("at_once", [1, 2, 7])
def test_items_pass_both_stages_in_order_and_the_last_is_where_they_are_put(at_once):
    seen, threads = [], {}

    def first(item):
        threads.setdefault("first", set()).add(threading.get_ident())
        return item * 2

    def last(item):
        threads.setdefault("last", set()).add(threading.get_ident())
        seen.append(item)

    stages = Stages(first, last, at_once)
    for item in range(50):
        stages.put(item)
    stages.drain()
    assert seen == [2 * item for item in range(50)]
    assert threads["last"] == {threading.get_ident()}
    assert len(threads["first"]) == 1 and threads["first"].isdisjoint(threads["last"])


def test_an_error_of_a_stage_reaches_who_puts_or_drains_and_no_later_stage():
    seen = []

    def fail_at_two(item):
        if item == 2:
            raise ValueError("item 2")
        return item

    stages = Stages(fail_at_two, seen.append)
    with pytest.raises(ValueError, match="item 2"):
        for item in range(5):
            stages.put(item)
        stages.drain()
    assert 2 not in seen


def test_no_more_items_are_under_way_than_allowed():
    gate, entered = threading.Event(), []

    def wait(item):
        gate.wait(LIMIT_S)
        return item

    stages = Stages(wait, entered.append, at_once=1, most_waiting=2)
    stages.put(0)
    stages.put(1)
    third = threading.Thread(target=stages.put, args=(2,), daemon=True)
    third.start()
    third.join(0.05)
    assert third.is_alive() and not entered
    gate.set()
    third.join(LIMIT_S)
    assert entered == [0]
    stages.drain()
    assert entered == [0, 1, 2]


def test_the_thread_ends_with_the_object():
    threads = []
    stages = Stages(lambda item: threading.current_thread(), threads.append)
    stages.put(0)
    stages.drain()
    del stages
    threads[0].join(LIMIT_S)
    assert not threads[0].is_alive()


def test_a_map_in_threads_keeps_the_order_and_one_item_stays_in_its_thread():
    assert map_in_threads(lambda item: item**2, list(range(20)), 3, Progress()) == [item**2 for item in range(20)]
    assert map_in_threads(lambda item: threading.get_ident(), [0], 3, Progress()) == [threading.get_ident()]
    assert map_in_threads(str, [], 3, Progress()) == []


def test_a_cancelled_map_in_threads_begins_nothing_more():
    begun, checks = [], []

    def check():
        checks.append(1)
        if len(checks) == 2:
            raise Cancelled("stop")

    def work(item):
        begun.append(item)
        if item > 1:
            time.sleep(0.3)  # all 500 would take 75 s

    with pytest.raises(Cancelled):
        map_in_threads(work, list(range(500)), 2, Progress(check=check))
    assert len(begun) < 100
