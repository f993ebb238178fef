"""Digests of content, for keys of caches and for checks of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from deepsound.runtime.progress import Progress

_BLOCK = 4 << 20


def digest_of(*parts: bytes | str) -> str:
    """A short digest of content, for keys; where one part ends and the next begins counts too."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


def file_digests(path: Path, kinds: Iterable[str], progress: Progress = Progress()) -> dict[str, str]:
    """The hexadecimal hashes of a file, `md5` and `sha256`, read once in blocks; reports the share read.

    Raises OSError where it cannot be read.
    """
    hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    total = max(path.stat().st_size, 1)
    done = 0
    with path.open("rb") as file:
        while hashes and (block := file.read(_BLOCK)):
            for one in hashes.values():
                one.update(block)
            done += len(block)
            progress.update(done / total)
    return {kind: one.hexdigest() for kind, one in hashes.items()}
