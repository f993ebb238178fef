"""Overlap-add of a separator's chunks: weighted sum and normalisation, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deepsound.separate.chunking import Chunk

if TYPE_CHECKING:
    from torch import Tensor


class OverlapAdd:
    """Weighted chunks added up where they overlap, divided by their weights, given out from the left.

    In the original's way a sample of no weight is 0; otherwise every sample must have some, or RuntimeError.
    """

    def __init__(self, samples: int, may_lack_weight: bool) -> None:
        self._samples, self._may_lack_weight = samples, may_lack_weight
        self._begin = 0
        self._sum: Tensor | None = None
        self._weight: Tensor | None = None

    def add(self, chunk: Chunk, answer: Tensor) -> None:
        """Add a chunk's answer [channels, chunk.samples]; what lies outside the sound is dropped."""
        from torch.nn.functional import pad

        inside = slice(max(-chunk.start, 0), min(chunk.stop, self._samples) - chunk.start)
        begin, end = chunk.start + inside.start, chunk.start + inside.stop
        weights = chunk.window()[inside].to(answer.device)
        if self._sum is None or self._weight is None:
            self._sum, self._weight = answer[:, :0], weights[:0]
        missing = max(end - self._begin - self._sum.shape[1], 0)
        self._sum, self._weight = pad(self._sum, (0, missing)), pad(self._weight, (0, missing))
        self._sum[:, begin - self._begin : end - self._begin] += answer[:, inside] * weights
        self._weight[begin - self._begin : end - self._begin] += weights

    def finish(self, before: int) -> Iterator[Tensor]:
        """The samples before `before` that have not been given out yet, [channels, n] on the CPU, if there are any."""
        import torch

        count = before - self._begin
        if self._sum is None or self._weight is None or count <= 0:
            return
        total, weight = self._sum[:, :count], self._weight[:count]
        self._begin += total.shape[1]
        self._sum, self._weight = self._sum[:, count:], self._weight[count:]
        if not self._may_lack_weight and not bool((weight > 0).all()):
            raise RuntimeError("a sample lies in no chunk")
        yield torch.where(weight > 0, total / weight, 0.0).cpu()
