"""Working memory of a network, counted on torch's meta device: nothing is computed."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that operations make inside, for as long as something holds them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._watch(tensor.untyped_storage())
        return out

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        size = storage.nbytes()
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def bytes_of(build: Callable[[], nn.Module], dtype: torch.dtype) -> int:
    """Bytes of a network's weights in `dtype`."""
    with torch.device("meta"):
        network = build()
    return sum(tensor.numel() for tensor in [*network.parameters(), *network.buffers()]) * dtype.itemsize


def working_bytes(build: Callable[[], nn.Module], run: Callable[[Any], object], dtype: torch.dtype) -> int:
    """The most that `run(network)` holds at a time beside the weights.

    Attention counts with what it gives only: on the meta device it is written out, but a GPU's kernels hold no scores.
    """
    with torch.device("meta"):
        network = build().to(dtype).eval().requires_grad_(False)
        fused = mock.patch("torch.nn.functional.scaled_dot_product_attention", _attention_output)
        with torch.no_grad(), fused, LiveBytes() as live:
            run(network)
    return live.peak


def _attention_output(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **_: Any) -> torch.Tensor:
    return query.new_empty(*query.shape[:-1], value.shape[-1])
