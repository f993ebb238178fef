"""PNG writer, so that plots and stills need no imaging library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from deepsound.errors import InputError
from deepsound.media.files import atomic_write

_RGB = 2


def write_png(image: np.ndarray, path: Path | str) -> None:
    """Write uint8 [height, width, 3] as a PNG, aside and then renamed. Raises InputError or OutputError."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"expected a picture uint8 [height, width, 3], got {image.dtype} {list(image.shape)}.")
    with atomic_write(path) as partial:
        partial.write_bytes(encode_png(image))


def encode_png(image: np.ndarray) -> bytes:
    """The bytes of a PNG file showing uint8 [height, width, 3]."""
    height, width, _ = image.shape
    # Each row begins with its filter's number; 0 stores it as it is.
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
