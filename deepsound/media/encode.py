"""Streaming audio encoder, interleaved with the picture's packets."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np

from deepsound.errors import InputError
from deepsound.media.audio import resample
from deepsound.media.downmix import DOWNMIXES, MAX_CHANNELS
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import BLOCK, copy_of, peak_of, release_pages
from deepsound.types import Audio

if TYPE_CHECKING:
    import av
    import av.container

_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
# Transparent to most listeners in both codecs; AAC frames hold at most 6 bits a sample.
_BITS_PER_CHANNEL = 96_000
_MAX_BITS_PER_SAMPLE = 6
_BLOCK = 4096
# Speakers by channel count, in the order of the WAVE convention.
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_PROBE_RATE = 48000


@dataclass(frozen=True)
class _Codec:
    """An encoder; `layouts` are those that come back from its decoder under their own name (empty: all)."""

    encoder: str
    sample_format: str
    rates: tuple[int, ...] = ()
    layouts: tuple[str, ...] = ()


_CODECS = {
    "aac": _Codec("aac", "fltp", _AAC_RATES, ("mono", "stereo", "3.0", "4.0", "quad", "5.0", "5.1", "7.1")),
    "opus": _Codec("libopus", "flt", (48000,), tuple(_LAYOUTS.values())),
    "flac": _Codec("flac", "s32"),
    "pcm_s16le": _Codec("pcm_s16le", "s16"),
    "pcm_f32le": _Codec("pcm_f32le", "flt"),
}
# Codecs that hold samples beyond full scale; the others clip them, or their players do.
_UNBOUNDED = ("pcm_f32le",)
# What comes back from these overshoots a little, so that EBU R 128 leaves them 1 dB.
_LOSSY = ("aac", "opus")
_LOSSY_CEILING = 10 ** (-1 / 20)


def check_encodable(channels: int, what: str = "this sound") -> None:
    """Raise InputError for more channels than any of the codecs has speakers for."""
    if channels not in _LAYOUTS:
        raise InputError(
            f"Expected {what} to have at most {MAX_CHANNELS} channels, got {channels}, more than any sound codec "
            f"has speakers for; mix it down (downmix: {' or '.join(DOWNMIXES)})."
        )


def encodable(audio: Audio, codec: str, progress: Progress) -> Audio:
    """The sound at a rate the codec takes: itself, or resampled to 48000. Raises InputError for too many channels."""
    check_encodable(audio.channels)
    rates = _CODECS[codec].rates
    return resample(audio, 48000, progress) if rates and audio.sample_rate not in rates else audio


def within_full_scale(audio: Audio, codec: str) -> tuple[Audio, float]:
    """The sound as `codec` holds it without clipping, and the gain in dB (0 or less) that it took."""
    if codec in _UNBOUNDED:
        return audio, 0.0
    peak = peak_of(audio.waveform)
    if peak <= 1.0:
        return audio, 0.0
    ceiling = _LOSSY_CEILING if codec in _LOSSY else 1.0
    # Rounding may leave the largest sample one step above full scale.
    waveform = copy_of(audio.waveform, ceiling / peak)
    for first in range(0, audio.samples, BLOCK):
        waveform[:, first : first + BLOCK].clamp_(-ceiling, ceiling)
        release_pages()
    return Audio(waveform, audio.sample_rate, audio.layout), 20 * math.log10(ceiling / peak)


def stored_layout(audio: Audio, codec: str) -> str:
    """What the speakers are once `codec` has stored them: the sound's own, or the usual ones of their number."""
    own = audio.layout
    usual = _LAYOUTS[audio.channels]
    known = _CODECS[codec].layouts
    return own if own and _channels_of(own) == audio.channels and (not known or own in known) else usual


class SoundEncoder:
    """Adds a sound's stream to `output` and hands out its packets in step with the picture."""

    def __init__(self, output: av.container.OutputContainer, audio: Audio, codec: str) -> None:
        self._audio = audio
        self._codec = _CODECS[codec]
        self._layout = stored_layout(audio, codec)
        self._order = _opus_order(self._layout) if codec == "opus" else None
        self.stream = _encoding_stream(output, self._codec, self._layout, audio.sample_rate)
        if codec in _LOSSY:
            bits = audio.channels * min(_BITS_PER_CHANNEL, _MAX_BITS_PER_SAMPLE * audio.sample_rate)
            self.stream.codec_context.bit_rate = bits
        self._done = self._released = 0

    def packets_until(self, time_s: float) -> Iterator[av.Packet]:
        """Encode on until the sound has reached `time_s`."""
        block = self.stream.codec_context.frame_size or _BLOCK
        while self._done < self._audio.samples and self._done < time_s * self._audio.sample_rate:
            samples = self._audio.numpy()[:, self._done : self._done + block]
            frame = _frame(samples if self._order is None else samples[list(self._order)], self._codec, self._layout)
            frame.sample_rate = self._audio.sample_rate
            frame.pts = self._done
            frame.time_base = Fraction(1, self._audio.sample_rate)
            yield from self.stream.encode(frame)
            self._done += samples.shape[1]
            self._release_pages()

    def _release_pages(self) -> None:
        # A thousand samples at a time: not after each.
        if self._done >= self._released + BLOCK:
            self._released = self._done
            release_pages()

    def remaining_packets(self) -> Iterator[av.Packet]:
        """Encode what is left and what the encoder still holds."""
        yield from self.packets_until(float("inf"))
        yield from self.stream.encode(None)


def _encoding_stream(output: av.container.OutputContainer, codec: _Codec, layout: str, rate: int) -> av.AudioStream:
    stream = cast("av.AudioStream", output.add_stream(codec.encoder, rate=rate))
    stream.codec_context.layout = layout
    stream.codec_context.format = codec.sample_format
    return stream


def _frame(samples: np.ndarray, codec: _Codec, layout: str) -> av.AudioFrame:
    import av

    # Packed, even for codecs that take planes: PyAV converts by itself, and cannot fill eight planes.
    data = np.ascontiguousarray(_convert(samples, codec.sample_format).T).reshape(1, -1)
    return av.AudioFrame.from_ndarray(data, format=codec.sample_format.removesuffix("p"), layout=layout)


def _convert(samples: np.ndarray, sample_format: str) -> np.ndarray:
    """Float samples in a codec's format; whole numbers are rounded and held within full scale."""
    if sample_format == "s16":
        return np.clip(np.round(samples * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
    if sample_format == "s32":
        # FLAC keeps the upper 24 of these 32 bits.
        return np.clip(np.round(samples * 2.0**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
    return samples


def _channels_of(layout: str) -> int:
    import av

    try:
        return len(av.AudioLayout(layout).channels)
    except ValueError:
        return 0


@lru_cache(maxsize=8)
def _opus_order(layout: str) -> tuple[int, ...] | None:
    """The order in which channels must be given to FFmpeg's Opus encoder so that its decoder returns them in theirs.

    Some versions mix up 5.0 and 6.1. Which one is at work is found by sending a tone of its own through each channel.
    """
    channels = _channels_of(layout)
    if channels < 5:
        return None
    # The low-frequency channel is only given what it carries.
    tones_hz = [60 if channel == 3 and channels > 5 else 600 + 400 * channel for channel in range(channels)]
    times_s = np.arange(_PROBE_RATE // 2) / _PROBE_RATE
    tones = 0.3 * np.sin(2 * np.pi * np.outer(tones_hz, times_s)).astype(np.float32)
    heard_hz = np.abs(np.fft.rfft(_through_opus(tones, layout)[:, 4800:14400])).argmax(axis=1) * 5
    came_from = [int(np.abs(np.array(tones_hz) - hz).argmin()) for hz in heard_hz]
    if sorted(came_from) != list(range(channels)) or came_from == sorted(came_from):
        return None
    return tuple(came_from.index(channel) for channel in range(channels))


def _through_opus(samples: np.ndarray, layout: str) -> np.ndarray:
    """Samples [channels, n] at 48000 Hz, encoded to Opus and decoded again, in memory."""
    import av

    memory = io.BytesIO()
    codec = _CODECS["opus"]
    with av.open(memory, "w", format="matroska") as output:
        stream = _encoding_stream(output, codec, layout, _PROBE_RATE)
        output.start_encoding()
        block = stream.codec_context.frame_size or 960
        for start in range(0, samples.shape[1], block):
            frame = _frame(samples[:, start : start + block], codec, layout)
            frame.sample_rate, frame.pts, frame.time_base = _PROBE_RATE, start, Fraction(1, _PROBE_RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as source:
        packed = av.AudioResampler("flt", layout, _PROBE_RATE)
        parts = [part.to_ndarray() for frame in source.decode(audio=0) for part in packed.resample(frame)]
    return np.concatenate([part.reshape(-1, samples.shape[0]).T for part in parts], axis=1)
