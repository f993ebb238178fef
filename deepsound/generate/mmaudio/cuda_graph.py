"""CUDA graph of a sampling step: captured once, then replayed with a single launch.

A step of the smallest network is hundreds of kernels that each take less time than their launch. This could not be run
where it was written, on a machine without a GPU: nothing about its speed is claimed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from deepsound.models.mmaudio.flow_matching import Field

log = logging.getLogger(__name__)


class CapturedGraph(NamedTuple):
    """`replay()` computes `output` anew from what the recorded inputs hold."""

    replay: Callable[[], None]
    output: Tensor


def with_cuda_graph(field: Field, device: torch.device) -> Field:
    """`field`, replayed on an NVIDIA GPU; itself anywhere else.

    What the replayed one gives is valid until its next call, and all its latents have one shape.
    """
    if device.type != "cuda" or torch.version.cuda is None:
        return field
    return GraphedField(field, capture)


class GraphedField:
    """A field that runs as it is once, which loads what it needs, is then recorded, and replayed from there on.

    One that cannot be recorded runs as it is every time.
    """

    def __init__(self, field: Field, capture: Callable[[Callable[[], Tensor]], CapturedGraph]) -> None:
        self._field = field
        self._capture = capture
        self._inputs: tuple[Tensor, Tensor] | None = None
        self._graph: CapturedGraph | None = None
        self._calls = 0

    def __call__(self, latent: Tensor, time: Tensor) -> Tensor:
        self._calls += 1
        if self._calls == 2:
            self._inputs = latent.clone(), time.clone()
            self._graph = self._try_capture(*self._inputs)
        if self._graph is None or self._inputs is None:
            return self._field(latent, time)
        for static, current in zip(self._inputs, (latent, time), strict=True):
            static.copy_(current)
        self._graph.replay()
        return self._graph.output

    def _try_capture(self, latent: Tensor, time: Tensor) -> CapturedGraph | None:
        try:
            return self._capture(lambda: self._field(latent, time))
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("Steps cannot be recorded on this GPU (%s): their kernels are launched one by one.", error)
            return None


def capture(evaluate: Callable[[], Tensor]) -> CapturedGraph:
    """What `evaluate` launches on the current GPU, as a graph. RuntimeError where it cannot be recorded."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = evaluate()
    return CapturedGraph(graph.replay, output)
