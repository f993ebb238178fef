"""Tests of interruption, feature cache, out of memory, devices and precisions."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
import torch
from torch import nn

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.runtime.digests import digest_of
from deepsound.runtime.execution import Execution, torch_device, torch_dtype
from deepsound.runtime.feature_cache import FeatureCache
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.memory import is_out_of_memory, retry_on_oom
from deepsound.runtime.progress import CancelToken


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.runs = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.runs += 1
        return x


class Cancelling(Counting):
    def __init__(self, token: CancelToken) -> None:
        super().__init__()
        self.token = token

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.token.cancel()
        return super().forward(x)


@pytest.fixture
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepsound.runtime.interruption._INTERVAL_S", 0.0)


def test_a_network_stops_between_its_modules(unthrottled: None) -> None:
    token = CancelToken()
    layers = nn.Sequential(Counting(), Cancelling(token), Counting())
    with pytest.raises(Cancelled), interruptible(layers, token.check):
        layers(torch.ones(1))
    assert [layer.runs for layer in layers] == [1, 1, 0]
    assert layers(torch.ones(1)) == 1  # the hooks are gone


def test_a_pass_back_stops_between_its_modules(unthrottled: None) -> None:
    token = CancelToken()
    layers = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    with torch.enable_grad(), interruptible(layers, token.check):
        given = torch.ones(1, 2, requires_grad=True)
        for _ in range(2):
            loss = layers(given).sum()
        loss.register_hook(lambda gradient: token.cancel())
        with pytest.raises(Cancelled):
            loss.backward()
    # The last layer was done when it was noticed.
    assert [layer.weight.grad is not None for layer in layers] == [False, False, True]
    assert not given._backward_hooks


def test_checks_lie_at_most_a_tenth_of_a_second_and_one_module_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of the test's own: each module takes 30 ms, and the longest time without a check is counted."""
    clock_s, checked_s = [0.0], []
    monkeypatch.setattr("deepsound.runtime.interruption.time.monotonic", lambda: clock_s[0])

    class Working(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            clock_s[0] += 0.03
            return x

    layers = nn.Sequential(*(Working() for _ in range(200)))
    with interruptible(layers, lambda: checked_s.append(clock_s[0])):
        layers(torch.ones(1))
    gaps = [later - earlier for earlier, later in pairwise([*checked_s, clock_s[0]])]
    assert len(checked_s) > 40 and max(gaps) < 0.1 + 2 * 0.03


def test_only_the_thread_that_asked_is_stopped(unthrottled: None) -> None:
    token = CancelToken()
    token.cancel()
    layer = Counting()
    with interruptible(layer, token.check):
        thread = threading.Thread(target=layer, args=(torch.ones(1),))
        thread.start()
        thread.join()
    assert layer.runs == 1


def test_checks_are_not_made_for_every_module() -> None:
    checks: list[int] = []
    layers = nn.Sequential(*(Counting() for _ in range(100)))
    with interruptible(layers, lambda: checks.append(1)):
        layers(torch.ones(1))
    assert 1 <= len(checks) < 20


def test_features_are_computed_once_and_the_oldest_leave_first() -> None:
    cache, computed = FeatureCache(budget_bytes=800), []

    def get(name: str) -> torch.Tensor:
        return cache.get(name, lambda: computed.append(name) or torch.ones(100))

    for name in "abacb":
        get(name)
    assert computed == ["a", "b", "c", "b"]
    assert cache.bytes <= 800
    cache.clear()
    assert "b" not in cache


def test_digests_depend_on_where_parts_end() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of(b"ab") == digest_of("ab")


def out_of_memory() -> RuntimeError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (out_of_memory(), True),
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_one_retry_with_offload() -> None:
    tried, said = [], []

    def work(execution: Execution) -> str:
        tried.append(execution.offload)
        if len(tried) == 1:
            raise out_of_memory()
        return "done"

    assert retry_on_oom(work, Execution(), "mmaudio", said.append) == "done"
    assert tried == [False, True]
    assert "once more" in said[0]


def test_a_second_failure_is_an_error_that_says_what_to_do() -> None:
    def work(execution: Execution) -> None:
        raise out_of_memory()

    with pytest.raises(EngineError, match=r"'mmaudio_large' runs out of memory even with offload .*shorter"):
        retry_on_oom(work, Execution(), "mmaudio_large", lambda text: None)


def test_other_errors_pass_at_once() -> None:
    def work(execution: Execution) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        retry_on_oom(work, Execution(), "mmaudio", lambda text: None)


def test_devices_and_precisions() -> None:
    assert torch_device(Execution(device="cpu")) == torch.device("cpu")
    assert torch_dtype(Execution(), torch.device("cpu")) is torch.float32
    assert torch_dtype(Execution(precision="bf16"), torch.device("cpu")) is torch.bfloat16
    with pytest.raises(InputError, match="'no-such-device' cannot be used"):
        torch_device(Execution(device="no-such-device"))
    with pytest.raises(InputError, match="'fp8'; choose one of"):
        Execution(precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot run in nf4"):
        torch_dtype(Execution(precision="nf4"), torch.device("cpu"))
