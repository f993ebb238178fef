"""Tests of the model cache: built once, LRU eviction, never dropped in use."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from deepsound.errors import InputError
from deepsound.runtime.model_cache import ModelCache, NetworkKey, bytes_of, model_cache
from tests.waiting import LIMIT_S

CPU = torch.device("cpu")
# Only a name here: the placements of these tests move nothing.
GPU = torch.device("cuda")
KILOBYTE = 1024


def key(name: str) -> NetworkKey:
    return NetworkKey(name, "made here", "float32")


def network(kilobytes: int = 1) -> nn.Module:
    return nn.Linear(KILOBYTE // 4 * kilobytes, 1, bias=False)


class FakePlacement:
    """A device of a stated size, and a note of what was asked."""

    def __init__(self, device_bytes: int = 1 << 40) -> None:
        self.device_bytes, self.on_device, self.notes = device_bytes, [], []

    def preferred_device(self) -> torch.device:
        return CPU

    def load(self, network: nn.Module, device: torch.device, working_bytes: int) -> None:
        self.notes.append(("load", id(network), working_bytes))
        if network not in self.on_device:
            self.on_device.append(network)

    def offload(self, network: nn.Module) -> None:
        self.notes.append(("take off", id(network), 0))
        self.on_device = [other for other in self.on_device if other is not network]

    def release(self, network: nn.Module) -> None:
        self.notes.append(("release", id(network), 0))
        self.on_device = [other for other in self.on_device if other is not network]

    def free_bytes(self, device: torch.device) -> int | None:
        return self.device_bytes - sum(map(bytes_of, self.on_device))

    def on_loss(self, lost) -> None:
        self.lose = lost


def use(cache: ModelCache, name: str, kilobytes: int = 1, device: torch.device = CPU, **options) -> nn.Module:
    with cache.use(key(name), lambda: network(kilobytes), device, **options) as held:
        return held


def test_a_network_is_built_once_and_is_ready_to_run() -> None:
    cache = ModelCache(1 << 20)
    first = use(cache, "a")
    assert use(cache, "a") is first
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_two_threads_never_build_the_same_network_twice() -> None:
    cache, built, seen = ModelCache(1 << 20), [], []

    def build() -> nn.Module:
        time.sleep(0.05)
        built.append(1)
        return network()

    def work() -> None:
        with cache.use(key("a"), build, CPU) as held:
            seen.append(held)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]
    assert all(held is seen[0] for held in seen)


def test_building_one_network_does_not_wait_for_another() -> None:
    cache, first_runs, let_go = ModelCache(1 << 20), threading.Event(), threading.Event()

    def slow() -> nn.Module:
        first_runs.set()
        assert let_go.wait(LIMIT_S)
        return network()

    thread = threading.Thread(target=lambda: cache.use(key("slow"), slow, CPU).__enter__())
    thread.start()
    assert first_runs.wait(LIMIT_S)
    use(cache, "quick")
    let_go.set()
    thread.join()
    assert cache.holds(key("slow"))


def test_the_least_recently_used_goes_first_when_the_budget_is_spent() -> None:
    cache = ModelCache(3 * KILOBYTE)
    for name in "abc":
        use(cache, name)
    use(cache, "a")
    use(cache, "d")
    assert [cache.holds(key(name)) for name in "abcd"] == [True, False, True, True]


def test_what_is_in_use_is_never_dropped_even_over_budget() -> None:
    cache = ModelCache(KILOBYTE)
    with cache.use(key("a"), network, CPU) as held:
        use(cache, "b", kilobytes=4)
        assert cache.holds(key("a"))
        cache.unload()
        assert cache.holds(key("a"))
        assert cache.report()[0].in_use or cache.report()[1].in_use
        assert held(torch.ones(1, KILOBYTE // 4)).shape == (1, 1)
    cache.unload()
    assert cache.report() == []


def test_a_network_that_cannot_be_built_leaves_nothing_behind() -> None:
    cache = ModelCache(1 << 20)

    def fail() -> nn.Module:
        raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"), cache.use(key("a"), fail, CPU):
        pass
    assert cache.report() == []
    assert use(cache, "a") is not None


def test_offload_in_host_memory_lets_go() -> None:
    cache = ModelCache(1 << 20)
    use(cache, "a", offload=True)
    assert not cache.holds(key("a"))


def test_offload_keeps_the_host_copy_of_what_ran_on_a_device() -> None:
    placement = FakePlacement()
    cache = ModelCache(1 << 20, placement)
    held = use(cache, "a", device=GPU, offload=True)
    assert placement.on_device == []
    assert use(cache, "a", device=GPU) is held


def test_room_on_a_device_is_made_by_moving_idle_networks_off_it() -> None:
    placement = FakePlacement(device_bytes=(256 << 20) + 3 * KILOBYTE)
    cache = ModelCache(1 << 30, placement)
    first = use(cache, "a", device=GPU)
    for name in "bc":
        use(cache, name, device=GPU)
    assert len(placement.on_device) == 3
    use(cache, "d", device=GPU, working_bytes=KILOBYTE)
    assert len(placement.on_device) == 2
    assert not any(network is first for network in placement.on_device)
    assert all(cache.holds(key(name)) for name in "abcd")


def test_what_the_host_takes_away_is_let_go_of() -> None:
    placement = FakePlacement()
    cache = ModelCache(1 << 20, placement)
    held = use(cache, "a")
    use(cache, "b")
    placement.lose(held)
    assert [cache.holds(key(name)) for name in "ab"] == [False, True]


def test_losing_a_network_while_it_runs_does_not_harm_the_next_one() -> None:
    placement = FakePlacement()
    cache = ModelCache(1 << 20, placement)
    with cache.use(key("a"), network, CPU, offload=True) as running:
        placement.lose(running)
        again = use(cache, "a")
        assert again is not running
    assert cache.holds(key("a"))


def test_the_report_says_what_is_held_most_recent_first() -> None:
    cache = ModelCache(1 << 20)
    use(cache, "a")
    use(cache, "b", kilobytes=2)
    rows = cache.report()
    assert [(row.key.name, row.bytes, row.device, row.in_use) for row in rows] == [
        ("b", 2 * KILOBYTE, "cpu", False),
        ("a", KILOBYTE, "cpu", False),
    ]


def test_a_file_that_changes_is_another_network(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before = NetworkKey.of("a", torch.float32, file)
    assert NetworkKey.of("a", torch.float32, file) == before
    assert NetworkKey.of("a", torch.bfloat16, file) != before
    file.write_bytes(b"other")
    assert NetworkKey.of("a", torch.float32, file) != before


def test_tied_weights_count_once() -> None:
    tied = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    tied[1].weight = tied[0].weight
    assert bytes_of(tied) == 64


@pytest.mark.parametrize("given", ["16GB", "lots", "nan", "inf", "-1"])
def test_a_budget_that_is_no_number_of_gigabytes_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DEEPSOUND_MEMORY_GB", given)
    with pytest.raises(InputError, match=f"DEEPSOUND_MEMORY_GB: expected gigabytes such as 12, got '{given}'"):
        model_cache.__wrapped__()
