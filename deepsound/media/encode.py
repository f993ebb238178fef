"""Encoding a sound into an open container, a little at a time, beside the picture's packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from deepsound.errors import InputError
from deepsound.media.audio import resample
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import av
    import av.container

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
# Transparent to most listeners in both codecs; AAC frames hold at most 6 bits a sample.
_BITS_PER_CHANNEL = 96_000
_MAX_BITS_PER_SAMPLE = 6
_BLOCK = 4096
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
# The native AAC encoder knows the layouts that have a number in the standard, and these are two of them.
_AAC_LAYOUTS = _LAYOUTS | {4: "4.0", 8: "7.1(wide)"}


@dataclass(frozen=True)
class _Codec:
    encoder: str
    sample_format: str
    rates: tuple[int, ...] = ()
    channels: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)


_CODECS = {
    "aac": _Codec("aac", "fltp", _AAC_RATES),
    # FFmpeg's Opus encoder puts 5 and 7 channels into another order than its decoder takes them out.
    "opus": _Codec("libopus", "flt", (48000,), (1, 2, 3, 4, 6, 8)),
    "flac": _Codec("flac", "s32"),
    "pcm_s16le": _Codec("pcm_s16le", "s16"),
    "pcm_f32le": _Codec("pcm_f32le", "flt"),
}


def encodable(audio: Audio, codec: str, progress: Progress) -> Audio:
    """The sound at a rate the codec takes: itself, or resampled to 48000. Raises InputError for too many channels."""
    allowed = _CODECS[codec].channels
    if audio.channels not in allowed:
        raise InputError(
            f"Sound codec {codec} takes {', '.join(map(str, allowed))} channels, not {audio.channels}; "
            "mix the sound down first."
        )
    rates = _CODECS[codec].rates
    return resample(audio, 48000, progress) if rates and audio.sample_rate not in rates else audio


class SoundEncoder:
    """Adds a sound's stream to `output` and hands out its packets in step with the picture."""

    def __init__(self, output: av.container.OutputContainer, audio: Audio, codec: str) -> None:
        self._audio = audio
        self._codec = _CODECS[codec]
        layouts = _AAC_LAYOUTS if codec == "aac" else _LAYOUTS
        self._layout = layouts[audio.channels]
        self._stream = cast("av.AudioStream", output.add_stream(self._codec.encoder, rate=audio.sample_rate))
        context = self._stream.codec_context
        context.layout = self._layout
        context.format = self._codec.sample_format
        if codec in ("aac", "opus"):
            context.bit_rate = audio.channels * min(_BITS_PER_CHANNEL, _MAX_BITS_PER_SAMPLE * audio.sample_rate)
        self._done = 0

    def packets_until(self, time_s: float) -> Iterator[av.Packet]:
        """Encode on until the sound has reached `time_s`."""
        block = self._stream.codec_context.frame_size or _BLOCK
        while self._done < self._audio.samples and self._done < time_s * self._audio.sample_rate:
            samples = self._audio.numpy()[:, self._done : self._done + block]
            yield from self._stream.encode(self._frame(samples))
            self._done += samples.shape[1]

    def remaining_packets(self) -> Iterator[av.Packet]:
        """Encode what is left and what the encoder still holds."""
        yield from self.packets_until(float("inf"))
        yield from self._stream.encode(None)

    def _frame(self, samples: np.ndarray) -> av.AudioFrame:
        import av

        # Packed, even for codecs that take planes: PyAV converts by itself, and cannot fill eight planes.
        data = np.ascontiguousarray(_converted(samples, self._codec.sample_format).T).reshape(1, -1)
        packed_format = self._codec.sample_format.removesuffix("p")
        frame = av.AudioFrame.from_ndarray(data, format=packed_format, layout=self._layout)
        frame.sample_rate = self._audio.sample_rate
        frame.pts = self._done
        frame.time_base = Fraction(1, self._audio.sample_rate)
        return frame


def _converted(samples: np.ndarray, sample_format: str) -> np.ndarray:
    """Float samples in a codec's format; whole numbers are rounded and held within full scale."""
    if sample_format == "s16":
        return np.clip(np.round(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    if sample_format == "s32":
        # FLAC keeps the upper 24 of these 32 bits.
        return np.clip(np.round(samples * 2.0**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
    return samples
