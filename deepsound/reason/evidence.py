"""A clip's frames and sound as files for other programs: JPEG, MP4, 16 kHz WAV."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from deepsound.errors import InputError
from deepsound.media.audio import resample, to_mono
from deepsound.types import Audio

if TYPE_CHECKING:
    from deepsound.media.views import Still

SAMPLE_RATE = 16_000
LONG_SIDE = 640
_QUALITY = 85


def mono_16k(audio: Audio) -> np.ndarray:
    """One channel float32 [samples] at 16 kHz. Raises InputError for samples that are not finite."""
    if not bool(audio.waveform.isfinite().all()):
        raise InputError(
            "expected finite samples, got NaN or infinite ones in the audio; generate it again, with another seed or "
            "precision."
        )
    return resample(to_mono(audio), SAMPLE_RATE).numpy()[0]


def wav_bytes(samples: np.ndarray) -> bytes:
    """A WAV file, 16 bit, mono, 16 kHz, of samples float32 [samples] in [-1, 1]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def jpeg_bytes(picture: np.ndarray) -> bytes:
    """A JPEG file of a picture uint8 [height, width, 3]; nothing of the video's metadata is in it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def mp4_bytes(stills: Sequence[Still], duration_s: float) -> bytes:
    """A silent MP4 of `stills` at equal distances that lasts `duration_s` seconds."""
    import av

    height, width = (max(2, side // 2 * 2) for side in stills[0].image.shape[:2])
    rate = Fraction(len(stills) / max(duration_s, 0.01)).limit_denominator(1000) or Fraction(1, 1000)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for still in stills:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(still.image[:height, :width]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
