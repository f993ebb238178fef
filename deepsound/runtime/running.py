"""A network at work: held in memory, on its device, and stopped in the midst of a pass where that would be long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deepsound.runtime.interruption import interruptible
from deepsound.runtime.model_cache import NetworkKey, model_cache
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn


@contextmanager
def running(
    key: NetworkKey,
    build: Callable[[], nn.Module],
    device: torch.device,
    progress: Progress,
    *,
    working_bytes: int = 0,
    offload: bool = False,
) -> Iterator[nn.Module]:
    """The network of `key` as `ModelCache.use` gives it; on the CPU, what `progress` raises ends a pass midway."""
    with model_cache().use(key, build, device, working_bytes=working_bytes, offload=offload) as network:
        if device.type != "cpu":
            yield network
            return
        with interruptible(network, progress.check):
            yield network
