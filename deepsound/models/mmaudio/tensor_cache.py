"""Tensors that follow from weights alone, kept for as long as those stay what and where they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import torch
from torch import Tensor

_AT_MOST = 24


def identity(tensor: Tensor) -> tuple[int, int | None]:
    """Where a tensor's numbers are and how often they were written to, if torch counts it (not in inference mode)."""
    return tensor.data_ptr(), None if tensor.is_inference() else tensor._version


class KeptTensors:
    """A small cache that belongs to one network and goes with it; any thread may use it.

    Two threads that ask for the same at once may both make it. Nothing is kept while gradients are recorded.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[Hashable, Tensor]] = {}

    def get(self, key: Hashable, sources: Iterable[Tensor], make: Callable[[], Tensor]) -> Tensor:
        """What `make` gives, made again when one of its `sources` is another or was changed."""
        if torch.is_grad_enabled():
            return make()
        state = tuple(map(identity, sources))
        kept = self._made.get(key)
        if kept is not None and kept[0] == state:
            return kept[1]
        if len(self._made) >= _AT_MOST:
            self.clear()
        made = make()
        self._made[key] = (state, made)
        return made

    def clear(self) -> None:
        self._made.clear()
