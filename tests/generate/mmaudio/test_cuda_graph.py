"""Tests of CUDA graph replay: same states as plain steps, with a stand-in for the recorder."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from deepsound.generate.mmaudio.cuda_graph import CapturedGraph, GraphedField, with_cuda_graph
from deepsound.models.mmaudio.flow_matching import euler


class Field:
    """Something that depends on both of its inputs, and counts its evaluations."""

    def __init__(self) -> None:
        self.evaluations = 0

    def __call__(self, latent: Tensor, time: Tensor) -> Tensor:
        self.evaluations += 1
        return (latent * 2.0 + time).sin()


def replaying(evaluate: Callable[[], Tensor]) -> CapturedGraph:
    """As a GPU does it: the output is always the same memory, written anew from the same inputs."""
    output = torch.full_like(evaluate(), float("nan"))
    return CapturedGraph(lambda: output.copy_(evaluate()), output)


@pytest.mark.parametrize("steps", [1, 2, 3, 25])
def test_replayed_steps_are_the_plain_ones(steps: int) -> None:
    noise = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(euler(GraphedField(Field(), replaying), noise, steps), euler(Field(), noise, steps))


def test_a_second_sound_replays_the_same_recording() -> None:
    first, second = torch.randn(2, 1, 5, 3, generator=torch.Generator().manual_seed(0))
    recordings: list[int] = []

    def recorder(evaluate: Callable[[], Tensor]) -> CapturedGraph:
        recordings.append(1)
        return replaying(evaluate)

    replayed = GraphedField(Field(), recorder)
    euler(replayed, first, 4)
    assert torch.equal(euler(replayed, second, 4), euler(Field(), second, 4))
    assert len(recordings) == 1


def test_what_cannot_be_recorded_runs_as_it_is_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(evaluate: Callable[[], Tensor]) -> CapturedGraph:
        raise RuntimeError("operation not permitted when stream is capturing")

    noise, field = torch.zeros(1, 2, 3), Field()
    with caplog.at_level(logging.WARNING):
        assert torch.equal(euler(GraphedField(field, refuse), noise, 6), euler(Field(), noise, 6))
    assert field.evaluations == 6
    assert [record.getMessage() for record in caplog.records] == [
        "Steps cannot be recorded on this GPU (operation not permitted when stream is capturing): "
        "their kernels are launched one by one."
    ]


def test_running_out_of_memory_is_not_hidden() -> None:
    def exhaust(evaluate: Callable[[], Tensor]) -> CapturedGraph:
        raise torch.cuda.OutOfMemoryError("no room")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        euler(GraphedField(Field(), exhaust), torch.zeros(1, 2, 3), 3)


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_elsewhere_a_field_stays_itself(device: str) -> None:
    field = Field()
    assert with_cuda_graph(field, torch.device(device)) is field
