"""Tests of stages: order, errors, how many items are under way, and threads that end."""

from __future__ import annotations

import threading
import time

import pytest

from deepsound.errors import Cancelled
from deepsound.runtime.progress import Progress
from deepsound.runtime.stages import Stages, map_in_threads
from tests.waiting import LIMIT_S


def test_items_pass_all_stages_in_order_and_each_stage_has_one_thread():
    seen, threads = [], {}

    def first(item):
        threads.setdefault("first", set()).add(threading.get_ident())
        return item * 2

    def second(item):
        threads.setdefault("second", set()).add(threading.get_ident())
        seen.append(item)

    stages = Stages(first, second)
    for item in range(50):
        stages.put(item)
    stages.drain()
    assert seen == [2 * item for item in range(50)]
    assert all(len(idents) == 1 for idents in threads.values())
    assert len({*threads["first"], *threads["second"], threading.get_ident()}) == 3


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
        entered.append(item)

    stages = Stages(wait, most_waiting=2)
    stages.put(0)
    stages.put(1)
    third = threading.Thread(target=stages.put, args=(2,), daemon=True)
    third.start()
    third.join(0.05)
    assert third.is_alive() and not entered
    gate.set()
    third.join(LIMIT_S)
    stages.drain()
    assert entered == [0, 1, 2]


def test_the_threads_end_with_the_object():
    threads = []
    stages = Stages(lambda item: threads.append(threading.current_thread()))
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
