"""32-bit float WAV files: what is written is read back bit for bit."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from deepsound.errors import InputError
from deepsound.media.audio import decode_audio
from deepsound.media.files import atomic_write
from deepsound.runtime.sample_memory import BLOCK as _BLOCK
from deepsound.runtime.sample_memory import release_pages
from deepsound.types import Audio

read_wav = decode_audio

_IEEE_FLOAT = 3
_EXTENSIBLE = 0xFFFE
_MAX_DATA_BYTES = 2**32 - 128
# Speaker positions by channel count (the WAVE convention): front left, front right, centre, low frequency, back, side.
_SPEAKERS = {3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 8: 0x63F}
_FLOAT_GUID = struct.pack("<IHH8s", _IEEE_FLOAT, 0, 0x10, bytes.fromhex("800000aa00389b71"))


def write_wav(audio: Audio, path: Path | str) -> None:
    """Write `audio` as a 32-bit float WAV, aside and then renamed.

    Raises InputError for samples that are not finite or a sound over 4 GiB, OutputError when it cannot be written.
    """
    samples = audio.numpy()
    refuse_nonfinite(samples, "written")
    data_bytes = samples.size * 4
    if data_bytes > _MAX_DATA_BYTES:
        raise InputError(f"A WAV file holds at most 4 GiB, this sound needs {data_bytes / 2**30:.1f} GiB; split it.")
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header(audio.channels, audio.sample_rate, audio.samples, data_bytes))
        for start in range(0, audio.samples, _BLOCK):
            file.write(np.ascontiguousarray(samples[:, start : start + _BLOCK].T, dtype="<f4").tobytes())
            release_pages()


def refuse_nonfinite(samples: np.ndarray, doing: str) -> None:
    """Raise InputError when any of `samples` [channels, samples] is NaN or infinite."""
    bad = samples.size
    for start in range(0, samples.shape[-1], _BLOCK):
        bad -= int(np.count_nonzero(np.isfinite(samples[..., start : start + _BLOCK])))
        release_pages()
    if bad:
        raise InputError(
            f"This sound cannot be {doing}: {bad} of its {samples.size} samples are not finite numbers. "
            "The engine that made it failed; try another seed or engine."
        )


def _header(channels: int, rate: int, samples: int, data_bytes: int) -> bytes:
    frame = 4 * channels
    if channels <= 2:
        format_chunk = struct.pack("<HHIIHHH", _IEEE_FLOAT, channels, rate, rate * frame, frame, 32, 0)
    else:
        format_chunk = (
            struct.pack(
                "<HHIIHHHHI", _EXTENSIBLE, channels, rate, rate * frame, frame, 32, 22, 32, _SPEAKERS.get(channels, 0)
            )
            + _FLOAT_GUID
        )
    chunks = _chunk(b"fmt ", format_chunk) + _chunk(b"fact", struct.pack("<I", samples))
    size = 4 + len(chunks) + 8 + data_bytes
    return struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + chunks + struct.pack("<4sI", b"data", data_bytes)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body
