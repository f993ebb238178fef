"""Cache of tensors derived from weights alone, invalidated when these change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

import torch
from torch import Tensor

_MAX_ENTRIES = 24


def _tensor_state(tensor: Tensor) -> tuple[int, int | None]:
    """Where a tensor's numbers are and how often they were written to, if torch counts it (not in inference mode)."""
    return tensor.data_ptr(), None if tensor.is_inference() else tensor._version


class DerivedTensorCache:
    """A small cache that belongs to one network and goes with it; any thread may use it.

    Two threads that ask for the same at once may both make it. Nothing is kept while gradients are recorded.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[Hashable, Tensor]] = {}

    def get(self, key: Hashable, sources: Iterable[Tensor], compute: Callable[[], Tensor]) -> Tensor:
        """What `compute` gives, made again when one of its `sources` is another or was changed."""
        if torch.is_grad_enabled():
            return compute()
        state = tuple(map(_tensor_state, sources))
        entry = self._entries.get(key)
        if entry is not None and entry[0] == state:
            return entry[1]
        if len(self._entries) >= _MAX_ENTRIES:
            self.clear()
        tensor = compute()
        self._entries[key] = (state, tensor)
        return tensor

    def clear(self) -> None:
        self._entries.clear()
