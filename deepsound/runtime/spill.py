"""Stores for the tensors of a long run, in memory or on disk, where they survive a kill."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.runtime.cache_folder import own_cache
from deepsound.runtime.digests import digest_of
from deepsound.runtime.paths import is_file

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

# What a killed run has left is deleted after this time by the next long run.
_KEPT_DAYS = 7.0


class TensorStore:
    """Named tensors by key, held in memory."""

    def __init__(self) -> None:
        self._held: dict[Hashable, dict[str, torch.Tensor]] = {}

    @property
    def survives(self) -> bool:
        """Whether what is stored outlives the process."""
        return False

    def load(self, key: Hashable) -> dict[str, torch.Tensor] | None:
        """What was saved under `key`, on the CPU; None where nothing was."""
        return self._held.get(key)

    def save(self, key: Hashable, tensors: dict[str, torch.Tensor]) -> None:
        """Keep `tensors` under `key`, in place of what was there."""
        self._held[key] = {name: tensor.detach().cpu() for name, tensor in tensors.items()}

    def get(self, key: Hashable, compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The one tensor of `key`; `compute` makes it where it is not stored."""
        found = self.load(key)
        if found is None or "tensor" not in found:
            self.save(key, {"tensor": compute()})
            found = self.load(key) or {}
        return found["tensor"]

    def drop(self, key: Hashable) -> None:
        """Forget `key`."""
        self._held.pop(key, None)

    def clear(self) -> None:
        """Forget everything: the run is over."""
        self._held.clear()


class DiskTensorStore(TensorStore):
    """The same in a folder, one safetensors file per key, each replaced as a whole.

    `identity` names the run: the next one of the same identity finds what was saved. Where the disk is full or cannot
    be written, tensors stay in memory.
    """

    def __init__(self, identity: str, root: Path | None = None) -> None:
        super().__init__()
        root = root or own_cache() / "long_runs"
        self.folder = root / identity
        _delete_old(root, self.folder)

    @property
    def survives(self) -> bool:
        return True

    def load(self, key: Hashable) -> dict[str, torch.Tensor] | None:
        from safetensors.torch import load_file

        if key in self._held:
            return super().load(key)
        path = self._path(key)
        try:
            return load_file(path) if is_file(path) else None
        except Exception as error:
            log.warning("%s cannot be read (%s); what it held is computed again.", path, error)
            return None

    def save(self, key: Hashable, tensors: dict[str, torch.Tensor]) -> None:
        from safetensors.torch import save_file

        path = self._path(key)
        aside = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, aside)
            aside.replace(path)
            self._held.pop(key, None)
        except Exception as error:
            log.warning("%s cannot be written (%s); it stays in memory.", path, error)
            super().save(key, tensors)

    def drop(self, key: Hashable) -> None:
        super().drop(key)
        self._path(key).unlink(missing_ok=True)

    def clear(self) -> None:
        super().clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, key: Hashable) -> Path:
        return self.folder / f"{digest_of(repr(key))}.safetensors"


def _delete_old(root: Path, but: Path) -> None:
    """Delete what other runs left more than a week ago."""
    oldest = time.time() - _KEPT_DAYS * 86400
    try:
        stale = [each for each in root.iterdir() if each != but and each.stat().st_mtime < oldest]
    except OSError:
        return
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
