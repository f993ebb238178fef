"""LRU cache of loaded networks, shared by every engine and node of the process.

A network is built once, however many ask for it at the same time, and kept until the budget needs its room (least
recently used first), until it is unloaded, or until the host takes it away. Networks in use are never dropped.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.runtime.device_placement import Placement, PlainPlacement
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn

# Left free on a device beside what a network says it needs.
_DEVICE_RESERVE = 256 << 20
_SHARE_OF_HOST_MEMORY = 0.6


@dataclass(frozen=True)
class NetworkKey:
    """What makes a loaded network the same as another: its `name`, the `source` of its weights, and its `dtype`."""

    name: str
    source: str
    dtype: str

    @classmethod
    def of(cls, name: str, dtype: torch.dtype | str, *files: Path) -> NetworkKey:
        """The key of a network read from `files`; a file that changes is another source. Raises OSError if absent."""
        return cls(name, "|".join(map(_identity, files)), str(dtype).removeprefix("torch."))


@dataclass(frozen=True)
class CacheEntryInfo:
    """A line of the report: a network, its `bytes` of weights, the `device` it is on, whether it is `in_use`."""

    key: NetworkKey
    bytes: int
    device: str
    in_use: bool
    idle_s: float


@dataclass
class _Entry:
    lock: threading.RLock = field(default_factory=threading.RLock)
    network: nn.Module | None = None
    bytes: int = 0
    users: int = 0
    last_used: float = 0.0


class ModelCache:
    """A cache of networks with a budget of host bytes; where they run is the `placement`'s affair."""

    def __init__(self, budget_bytes: int, placement: Placement | None = None) -> None:
        self.budget_bytes = budget_bytes
        self._entries: dict[NetworkKey, _Entry] = {}
        self._lock = threading.RLock()
        self.place_with(placement or PlainPlacement())

    def place_with(self, placement: Placement) -> None:
        """Hand placing over to a host; everything held so far is let go."""
        self.unload()
        self.placement = placement
        placement.on_loss(self._lose)

    @contextmanager
    def use(
        self,
        key: NetworkKey,
        build: Callable[[], nn.Module],
        device: torch.device,
        *,
        working_bytes: int = 0,
        offload: bool = False,
    ) -> Iterator[nn.Module]:
        """The network of `key`, built by `build` if it is not held, on `device` with `working_bytes` beside it.

        With `offload` it leaves the device afterwards; one that ran in host memory is then let go altogether.
        """
        entry = self._enter(key)
        try:
            with entry.lock:
                network = self._build(entry, build)
                self._make_room_on(device, entry.bytes + working_bytes, entry)
                self.placement.load(network, device, working_bytes)
            yield network
        finally:
            self._leave(key, entry, device, offload)

    def holds(self, key: NetworkKey) -> bool:
        with self._lock:
            entry = self._entries.get(key)
            return entry is not None and entry.network is not None

    def offload(self) -> None:
        """Move every idle network back to host memory."""
        with self._lock:
            for entry in self._idle():
                self.placement.offload(_present(entry))

    def unload(self) -> None:
        """Let go of every idle network."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if not entry.users:
                    self._drop(key)

    def report(self) -> list[CacheEntryInfo]:
        """What is held, most recently used first."""
        now = time.monotonic()
        with self._lock:
            rows = [
                CacheEntryInfo(key, entry.bytes, _device_of(entry.network), entry.users > 0, now - entry.last_used)
                for key, entry in self._entries.items()
                if entry.network is not None
            ]
        return sorted(rows, key=lambda held: held.idle_s)

    def _enter(self, key: NetworkKey) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            entry.users += 1
            entry.last_used = time.monotonic()
            return entry

    def _build(self, entry: _Entry, build: Callable[[], nn.Module]) -> nn.Module:
        if entry.network is None:
            network = build()
            for parameter in network.parameters():
                parameter.requires_grad_(False)
            with self._lock:
                entry.network, entry.bytes = network.eval(), bytes_of(network)
                self._keep_within_budget()
        return entry.network

    def _leave(self, key: NetworkKey, entry: _Entry, device: torch.device, offload: bool) -> None:
        with self._lock:
            entry.users -= 1
            entry.last_used = time.monotonic()
            if self._entries.get(key) is entry and not entry.users:
                if entry.network is None or (offload and device.type == "cpu"):
                    self._drop(key)
                elif offload:
                    self.placement.offload(entry.network)
            self._keep_within_budget()

    def _idle(self) -> list[_Entry]:
        """CacheEntryInfo networks that nobody uses, least recently used first."""
        idle = [entry for entry in self._entries.values() if entry.network is not None and not entry.users]
        return sorted(idle, key=lambda entry: entry.last_used)

    def _keep_within_budget(self) -> None:
        for entry in self._idle():
            if sum(other.bytes for other in self._entries.values()) <= self.budget_bytes:
                return
            self._drop(next(key for key, other in self._entries.items() if other is entry))

    def _make_room_on(self, device: torch.device, needed: int, wanted: _Entry) -> None:
        if wanted.network is not None and _device_of(wanted.network).startswith(device.type):
            needed -= wanted.bytes
        with self._lock:
            for entry in self._idle():
                free = self.placement.free_bytes(device)
                if free is None or free >= needed + _DEVICE_RESERVE:
                    return
                self.placement.offload(_present(entry))

    def _drop(self, key: NetworkKey) -> None:
        entry = self._entries.pop(key)
        if entry.network is not None:
            self.placement.release(entry.network)
            entry.network, entry.bytes = None, 0

    def _lose(self, network: nn.Module) -> None:
        """The host took `network` away: whoever is using it keeps it to the end, the cache does not."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.network is network:
                    self._entries.pop(key)


@cache
def model_cache() -> ModelCache:
    """The process's own cache; `DEEPSOUND_MEMORY_GB` sets its budget, which is 60 % of the host's memory otherwise.

    Raises InputError where the variable is no number of gigabytes.
    """
    named = os.environ.get("DEEPSOUND_MEMORY_GB")
    return ModelCache(_bytes_of(named) if named else int(_SHARE_OF_HOST_MEMORY * host_memory_bytes()))


def _bytes_of(gigabytes: str) -> int:
    try:
        value = float(gigabytes)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise InputError(f"DEEPSOUND_MEMORY_GB: expected gigabytes such as 12, got {gigabytes!r}; correct it.")
    return int(value * 1e9)


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
    """The network of `key` from the process's cache; on the CPU, `progress` can end a forward pass midway."""
    with model_cache().use(key, build, device, working_bytes=working_bytes, offload=offload) as network:
        if device.type == "cpu":
            with interruptible(network, progress.check):
                yield network
        else:
            yield network


def host_memory_bytes() -> int:
    """Physical memory of this machine; 16 GB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 16 * 10**9


def bytes_of(network: nn.Module) -> int:
    """Bytes of a network's weights and buffers, shared ones once."""
    tensors = {id(tensor): tensor for tensor in [*network.parameters(), *network.buffers()]}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _present(entry: _Entry) -> nn.Module:
    if entry.network is None:
        raise RuntimeError("an idle entry without a network was listed")
    return entry.network


def _device_of(network: nn.Module | None) -> str:
    parameter = next(iter(network.parameters()), None) if network is not None else None
    return "cpu" if parameter is None else str(parameter.device)


def _identity(file: Path) -> str:
    status = file.stat()
    return f"{file.resolve()}@{status.st_size}@{status.st_mtime_ns}"
