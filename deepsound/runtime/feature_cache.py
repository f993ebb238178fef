"""Content-keyed LRU cache of encoder outputs, shared by runs of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from deepsound.runtime.feature_files import FeatureFiles

_BUDGET_BYTES = 256 << 20


class FeatureCache:
    """Tensors in host memory by key, within a budget of bytes, the least recently used out first.

    A key has to say everything the features depend on: the content, the weights, the dtype and the kind of device.
    With `files` they are shared with other processes and later ones.
    """

    def __init__(self, budget_bytes: int = _BUDGET_BYTES) -> None:
        self.budget_bytes = budget_bytes
        self._kept: OrderedDict[Hashable, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()
        self.files: FeatureFiles | None = None

    def get(self, key: Hashable, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The features of `key`, on the CPU and not to be written to; `compute` makes them where they are not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        features = self._from_files(key, compute)
        with self._lock:
            self._kept[key] = features
            while self.bytes > self.budget_bytes and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return features

    def _from_files(self, key: Hashable, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        files = self.files
        features = None if files is None else files.load(key)
        if features is None:
            features = compute().detach().cpu()
            if files is not None:
                files.save(key, features)
        return features

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    @property
    def bytes(self) -> int:
        return sum(tensor.numel() * tensor.element_size() for tensor in self._kept.values())

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


@cache
def feature_cache() -> FeatureCache:
    """The process's own cache, shared by all engines."""
    return FeatureCache()
