"""Append-only store of equally sized pictures, spooled to disk once they are many."""

from __future__ import annotations

import hashlib
import threading
from tempfile import SpooledTemporaryFile

import numpy as np

# Half a minute of 224 x 224 pictures at 25 a second; what is longer is read back in small pieces anyway.
IN_MEMORY_BYTES = 96 << 20


class PictureStore:
    """Equally sized uint8 pictures, appended once and read in runs; `digests` holds a digest of each one's content.

    Memory is bounded, however many there are. Raises ValueError for a picture of another shape.
    """

    def __init__(self, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        self._file = SpooledTemporaryFile(max_size=in_memory_bytes)  # noqa: SIM115 - lives as long as the store
        self._lock = threading.Lock()
        self.shape: tuple[int, ...] = ()
        self.digests: list[bytes] = []

    def __len__(self) -> int:
        return len(self.digests)

    def append(self, picture: np.ndarray) -> None:
        if not self.digests:
            self.shape = picture.shape
        if picture.shape != self.shape or picture.dtype != np.uint8:
            raise ValueError(f"a picture of {picture.shape} {picture.dtype} does not fit among those of {self.shape}")
        data = np.ascontiguousarray(picture).data
        with self._lock:
            self._file.write(data)
        self.digests.append(hashlib.blake2b(data, digest_size=16).digest())

    def read(self, begin: int, end: int) -> np.ndarray:
        """Pictures `begin` to `end` (exclusive) as one array, [count, *shape]; a fresh copy."""
        count = max(0, min(end, len(self)) - begin)
        pictures = np.empty((count, *self.shape), dtype=np.uint8)
        size = int(np.prod(self.shape, dtype=np.int64))
        with self._lock:
            here = self._file.tell()
            self._file.seek(begin * size)
            pictures.reshape(-1)[:] = np.frombuffer(self._file.read(count * size), dtype=np.uint8)
            self._file.seek(here)
        return pictures
