"""Encoder outputs in the cache folder, shared by the workers of a batch (LRU)."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.runtime.cache_folder import own_cache
from deepsound.runtime.digests import digest_of
from deepsound.runtime.paths import is_file

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

BUDGET_BYTES = 2 << 30
# Raised where an encoder's code changes its digits: files of before are then of no use.
FORMAT = 1
# A look at the whole folder costs more than a file: bytes that a process writes between two of them.
_BETWEEN_LOOKS_BYTES = 64 << 20


class FeatureFiles:
    """One safetensors file per key in a folder, within a budget of bytes; any number of processes may share it.

    Files are replaced as a whole. What cannot be read is computed again, what cannot be written is left out.
    """

    def __init__(self, folder: Path | None = None, budget_bytes: int = BUDGET_BYTES) -> None:
        self.folder = folder or own_cache() / "features" / "encoders"
        self.budget_bytes = budget_bytes
        self._unseen_bytes = _BETWEEN_LOOKS_BYTES

    def load(self, key: Hashable) -> torch.Tensor | None:
        """The features of `key` on the CPU; None where there are none, or none that can be read."""
        from safetensors.torch import load_file

        path = self._path(key)
        if path is None:
            return None
        try:
            if not is_file(path):
                return None
            # Copied: what stays mapped to a file that another process deletes is no file of Windows.
            tensor = load_file(path)["features"].clone()
            os.utime(path)
            return tensor
        except Exception as error:
            log.warning("%s cannot be read (%s); what it held is computed again.", path, error)
            return None

    def save(self, key: Hashable, features: torch.Tensor) -> None:
        """Write the features of `key`, and delete the least recently used files above the budget."""
        from safetensors.torch import save_file

        path = self._path(key)
        if path is None:
            return
        aside = path.with_suffix(f".{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file({"features": features.detach().cpu().contiguous()}, aside)
            self._unseen_bytes += aside.stat().st_size
            aside.replace(path)
        except Exception as error:
            log.warning("%s cannot be written (%s); other workers compute it again.", path, error)
            with suppress(OSError):
                aside.unlink(missing_ok=True)
        if self._unseen_bytes >= min(_BETWEEN_LOOKS_BYTES, self.budget_bytes // 8):
            self._unseen_bytes = 0
            self._prune()

    def _prune(self) -> None:
        found = []
        for path in self.folder.glob("*"):
            # Another process may be pruning too.
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self.budget_bytes:
                return
            with suppress(OSError):
                path.unlink()
            total -= size

    def _path(self, key: Hashable) -> Path | None:
        """The file of a key; None for one whose text is not the same in every process."""
        import torch

        text = _text_of(key)
        if text is None:
            return None
        # torch and the code decide the digits too.
        return self.folder / f"{digest_of(str(FORMAT), torch.__version__, text)}.safetensors"


def _text_of(key: object) -> str | None:
    if key is None or isinstance(key, str | int | float | bool):
        return repr(key)
    if is_dataclass(key):
        key = (type(key).__name__, *(getattr(key, each.name) for each in fields(key)))
    if not isinstance(key, tuple):
        return None
    parts = [_text_of(part) for part in key]
    return None if None in parts else f"({', '.join(map(str, parts))})"
