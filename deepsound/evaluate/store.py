"""Content-keyed feature cache on disk, in safetensors files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from deepsound.errors import MediaError, OutputError
from deepsound.media.files import atomic_write
from deepsound.runtime.digests import digest_of
from deepsound.runtime.paths import is_file

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_BLOCK = 1 << 20
_MEMORY = "files.json"


@dataclass(frozen=True)
class Key:
    """Which numbers: the extractor, what they depend on beside the input (`identity`), and the input's digest."""

    extractor: str
    identity: str
    digest: str


class FeatureStore:
    """Tensors in .safetensors files below `folder`, each written whole; a damaged one counts as not there.

    Where the disk does not take any more, what cannot be written is held in memory and `trouble` says why. Leaving
    the context writes down which files have been read already, by size and time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trouble = ""
        self._unwritten: dict[Key, dict[str, np.ndarray]] = {}
        self._known = self._read_memory()
        self._learnt = False

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._learnt:
            with suppress(OutputError, OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                with atomic_write(self.folder / _MEMORY) as partial:
                    partial.write_text(json.dumps(self._known), encoding="utf-8")

    def digest(self, file: Path) -> str:
        """The digest of a file's content; read once as long as its size and time stay the same. Raises MediaError."""
        try:
            status = file.stat()
            stamp, key = [status.st_size, status.st_mtime_ns], str(file.resolve())
            known = self._known.get(key)
            if known is None or known[:2] != stamp:
                known = self._known[key] = [*stamp, _content_digest(file)]
                self._learnt = True
        except OSError as error:
            raise MediaError(
                f"{file} cannot be read ({error.strerror or error}); check the path and its permissions."
            ) from error
        return str(known[2])

    def __contains__(self, key: Key) -> bool:
        return key in self._unwritten or is_file(self._path(key))

    def get(self, key: Key) -> dict[str, np.ndarray] | None:
        """The tensors of `key`; None where there are none, or where their file is damaged."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if key in self._unwritten:
            return self._unwritten[key]
        path = self._path(key)
        try:
            return load_file(path) if is_file(path) else None
        except (SafetensorError, OSError, ValueError):
            with suppress(OSError):
                path.unlink()
            return None

    def put(self, key: Key, tensors: Mapping[str, Tensor]) -> None:
        """Keep the tensors of `key`, in memory alone where they cannot be written."""
        from safetensors.numpy import save_file

        arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
        try:
            self._path(key).parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self._path(key)) as partial:
                save_file(arrays, partial)
        except (OutputError, OSError) as error:
            self._unwritten[key] = arrays
            self.trouble = f"features are held in memory alone and will be lost: {error}"

    def _path(self, key: Key) -> Path:
        # Folders of many thousand files are slow to list on some file systems.
        return self.folder / key.extractor / digest_of(key.identity)[:16] / key.digest[:2] / f"{key.digest}.safetensors"

    def _read_memory(self) -> dict[str, list[int | str]]:
        try:
            content = json.loads((self.folder / _MEMORY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        entries = content.items() if isinstance(content, dict) else ()
        return {file: entry for file, entry in entries if isinstance(entry, list) and len(entry) == 3}


def _content_digest(file: Path) -> str:
    state = hashlib.blake2b(digest_size=16)
    with file.open("rb") as content:
        while block := content.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
