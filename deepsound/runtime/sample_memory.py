"""Memory for the samples of sounds: long ones are memory-mapped files without a name.

Their pages belong to the system's file cache, which takes them back where memory is short, and `release_pages` hands
them over at once: what passes through a long sound block by block holds a block in memory and no more.
"""

from __future__ import annotations

import logging
import mmap
import os
import weakref
from typing import IO, TYPE_CHECKING

from deepsound.errors import DeepSoundError
from deepsound.runtime.cache_folder import own_cache

if TYPE_CHECKING:
    import numpy as np
    import torch

log = logging.getLogger(__name__)

# Six minutes of stereo at 44100 Hz; shorter sounds are quicker in plain memory.
MAPPED_FROM_BYTES = 128 << 20
# Samples of all channels that a pass over a sound looks at together.
BLOCK = 1 << 18
_FLOAT_BYTES = 4

_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def zeros(channels: int, samples: int) -> np.ndarray:
    """Silence to be written on, float32 [channels, samples].

    Where there is no room on the disk, or no folder to write in, and on macOS and Windows, it is plain memory.
    """
    import numpy as np

    size = channels * samples * _FLOAT_BYTES
    if size >= MAPPED_FROM_BYTES and _can_map():
        try:
            return np.frombuffer(_map(size), np.float32).reshape(channels, samples)
        except OSError as error:
            log.warning("A sound of %d MB is held in memory, since it cannot be on disk: %s.", size >> 20, error)
    return np.zeros((channels, samples), np.float32)


def zeros_like(waveform: torch.Tensor) -> torch.Tensor:
    """The same as a tensor on the CPU, of the shape of `waveform` [channels, samples]."""
    import torch

    return torch.from_numpy(zeros(*waveform.shape))


def difference(mix: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """`mix` - `part`, float32 [channels, samples] both, block by block."""
    import torch

    left = zeros_like(mix)
    for first in range(0, mix.shape[1], BLOCK):
        block = slice(first, first + BLOCK)
        torch.sub(mix[:, block], part[:, block], out=left[:, block])
        release_pages()
    return left


def padded(waveform: torch.Tensor, samples: int) -> torch.Tensor:
    """`waveform` [channels, fewer] with zeros after it, `samples` in all."""
    import torch

    channels, found = waveform.shape
    if channels * samples * _FLOAT_BYTES < MAPPED_FROM_BYTES or waveform.device.type != "cpu":
        return torch.nn.functional.pad(waveform, (0, samples - found))
    longer = torch.from_numpy(zeros(channels, samples))
    for first in range(0, found, BLOCK):
        block = slice(first, min(first + BLOCK, found))
        longer[:, block] = waveform[:, block]
        release_pages()
    return longer


def copy_of(waveform: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    """`waveform` [channels, samples] times `gain`, block by block."""
    copied = zeros_like(waveform)
    for first in range(0, waveform.shape[1], BLOCK):
        block = slice(first, first + BLOCK)
        copied[:, block] = waveform[:, block] if gain == 1.0 else waveform[:, block] * gain
        release_pages()
    return copied


def peak_of(waveform: torch.Tensor) -> float:
    """The largest absolute value of `waveform` [channels, samples], block by block; 0 of no samples."""
    peak = 0.0
    for first in range(0, waveform.shape[1], BLOCK):
        peak = max(peak, *(abs(float(edge)) for edge in waveform[:, first : first + BLOCK].aminmax()))
        release_pages()
    return peak


def release_pages() -> None:
    """Give the pages of all mapped sounds back to the system; what is in them stays, and is read again when needed."""
    for mapped in tuple(_maps):
        mapped.madvise(mmap.MADV_DONTNEED)


def _can_map() -> bool:
    """Whether the system reserves room for files and takes pages back: Linux does, macOS and Windows do not."""
    return hasattr(mmap, "MADV_DONTNEED") and hasattr(os, "posix_fallocate")


def _map(size: int) -> mmap.mmap:
    """`size` bytes of zeros on the disk. Raises OSError where there is no room."""
    with _unnamed_file() as file:
        # Reserved at once: a page that finds no room later would end the process.
        os.posix_fallocate(file.fileno(), 0, size)
        mapped = mmap.mmap(file.fileno(), size)
    _maps.add(mapped)
    return mapped


def _unnamed_file() -> IO[bytes]:
    """In the project's cache folder, since a temporary folder is often memory itself; else in that."""
    import tempfile

    try:
        folder = own_cache()
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except (OSError, DeepSoundError):
        return tempfile.TemporaryFile()
