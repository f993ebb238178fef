"""Sound in: decoding any file to float samples on a timeline, resampling, channels and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepsound.errors import InputError, MediaError
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.probe import MediaInfo, need_audio, probe
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import av
    import av.container

# Codecs predict from earlier packets (Opus asks for 80 ms, MP3 for its bit reservoir): read this much before a window.
_PREROLL_S = 0.5
# Seeking lands on a known sample in these alone; elsewhere times are estimates or rounded to milliseconds.
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_EXACT_SEEK = (_MOV, "wav")
# A packet this far from where the samples so far end is a true gap or overlap; less is a rounded time stamp.
_GAP_S = 0.05
_ROUNDED_S = 0.001
_BLOCK = 1 << 16
# PyAV crashes on frames of this many planes and more, so they are packed before it touches them.
_MAX_PLANES = 8


def decode_audio(
    path: Path | str,
    start_s: float = 0.0,
    duration_s: float | None = None,
    progress: Progress | None = None,
) -> Audio:
    """The sound of any audio or video file as float32 [channels, samples] at its own rate in Hz.

    Time 0 is the video's first shown frame, or the first sample where there is no video. With `duration_s` the length
    is exactly round(duration_s * rate) samples, else the sound runs to its end; samples that are not finite become 0.
    Raises InputError for an impossible window, MediaError when there is no sound or none can be decoded.
    """
    if not start_s >= 0 or (duration_s is not None and not duration_s >= 0):
        raise InputError(f"Start and duration must be 0 seconds or more, not {start_s} and {duration_s}.")
    return decode_window(probe(path), start_s, duration_s, progress or Progress())


def decode_window(info: MediaInfo, start_s: float, duration_s: float | None, progress: Progress) -> Audio:
    """As decode_audio, for a file that has been probed."""
    rate = need_audio(info).sample_rate
    first = round(start_s * rate)
    wanted = _samples_left(info, first) if duration_s is None else round(duration_s * rate)
    pieces = list(_placed(info, first, wanted, ThrottledProgress(progress)))
    if not pieces:
        if duration_s is None and not start_s:
            raise MediaError(f"{info.path}: no sound can be decoded; the file may be damaged. Try to play it.")
        pieces = [(0, np.zeros((need_audio(info).channels, 0), np.float32))]
    decoded = max(at + piece.shape[1] for at, piece in pieces)
    length = decoded if wanted is None else wanted if duration_s is not None else min(wanted, decoded)
    samples = np.zeros((pieces[0][1].shape[0], length), np.float32)
    for at, piece in pieces:
        samples[:, at : at + piece.shape[1]] = piece[:, : length - at]
    return Audio.from_numpy(np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0), rate)


def resample(audio: Audio, sample_rate: int, progress: Progress | None = None) -> Audio:
    """The same sound at `sample_rate` Hz (soxr, high quality), in step with it: ceil(samples * out / in) samples."""
    import soxr

    if sample_rate <= 0:
        raise InputError(f"A sample rate must be positive, not {sample_rate} Hz.")
    if sample_rate == audio.sample_rate:
        return audio
    length = -(-audio.samples * sample_rate // audio.sample_rate)
    source = audio.numpy()
    stream = soxr.ResampleStream(audio.sample_rate, sample_rate, audio.channels, dtype="float32", quality="HQ")
    pace = ThrottledProgress(progress or Progress())
    result = np.zeros((audio.channels, length), np.float32)
    done = 0
    for start in range(0, max(audio.samples, 1), _BLOCK):
        pace.update(start / max(audio.samples, 1))
        block = np.ascontiguousarray(source[:, start : start + _BLOCK].T)
        out = stream.resample_chunk(block, last=start + _BLOCK >= audio.samples)[: length - done]
        result[:, done : done + len(out)] = out.T
        done += len(out)
    return Audio.from_numpy(result, sample_rate)


def to_mono(audio: Audio) -> Audio:
    """The mean of the channels as one channel [1, samples]."""
    return audio if audio.channels == 1 else Audio(audio.waveform.mean(dim=0, keepdim=True), audio.sample_rate)


def fit_length(audio: Audio, samples: int) -> Audio:
    """The sound cut, or padded with zeros at its end, to exactly `samples` samples."""
    import torch

    if samples < 0:
        raise InputError(f"A length must be 0 samples or more, not {samples}.")
    missing = samples - audio.samples
    if missing > 0:
        return Audio(torch.nn.functional.pad(audio.waveform, (0, missing)), audio.sample_rate)
    return audio if missing == 0 else Audio(audio.waveform[:, :samples], audio.sample_rate)


def _samples_left(info: MediaInfo, first: int) -> int | None:
    """How long the sound goes on after sample `first`, where the container knows better than the codec.

    AAC fills its last packet up with silence, and only the edit list of an mp4 or mov says where the sound ends.
    """
    audio = need_audio(info)
    if info.container != _MOV or audio.duration_s is None:
        return None
    zero_s = info.video.start_s if info.video is not None else audio.start_s
    return max(0, round((float(audio.start_s - zero_s) + audio.duration_s) * audio.sample_rate) - first)


def _placed(
    info: MediaInfo, first: int, wanted: int | None, pace: ThrottledProgress
) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces [channels, n] with their place in the window that begins at sample `first` of the file's timeline."""
    position: int | None = None
    for stamp, piece in _decoded(info, first, pace):
        position = _place(position, stamp, info)
        at = position - first
        position += piece.shape[1]
        if at < 0:
            piece, at = piece[:, -at:], 0
        if wanted is not None and at >= wanted:
            return
        if piece.shape[1]:
            yield at, piece
        pace.update(at / wanted if wanted else None)


def _place(position: int | None, stamp: Fraction | None, info: MediaInfo) -> int:
    """Where a piece goes: after the one before, unless its time stamp (in samples) says there was a gap."""
    rate = need_audio(info).sample_rate
    if stamp is None:
        return position or 0
    if position is None:
        # Matroska rounds times to milliseconds, so a first sample within one of the zero is meant to be there.
        return 0 if info.container not in _EXACT_SEEK and abs(stamp) <= _ROUNDED_S * rate else round(stamp)
    return position if abs(stamp - position) < _GAP_S * rate else round(stamp)


def _decoded(info: MediaInfo, first: int, pace: ThrottledProgress) -> Iterator[tuple[Fraction | None, np.ndarray]]:
    """Pieces with their time stamps in samples from the timeline's zero (None where the container has none)."""
    import av

    rate = need_audio(info).sample_rate
    with open_input(info.path) as container:
        stream = container.streams.audio[0]
        time_base = Fraction(stream.time_base or Fraction(1, rate))
        zero_s = info.video.start_s if info.video is not None else None
        if first and info.container in _EXACT_SEEK:
            _seek(container, stream, first / rate + float(zero_s or 0) - _PREROLL_S)
        to_samples = _Samples(rate)
        for packet in packets(container, stream):
            pace.check()
            try:
                decoded = stream.decode(packet)
            except av.FFmpegError:
                # One damaged packet: its time is left silent, the rest is kept.
                continue
            for frame in decoded:
                stamp_s = frame.pts * time_base if frame.pts is not None else None
                if zero_s is None:
                    zero_s = stamp_s or Fraction(0)
                yield None if stamp_s is None else (stamp_s - zero_s) * rate, to_samples(frame)


def _seek(container: av.container.InputContainer, stream: av.AudioStream, time_s: float) -> None:
    import av

    try:
        container.seek(int(time_s / Fraction(stream.time_base or 1)), stream=stream, backward=True)
    except av.FFmpegError:
        # Without an index the file is read from its start: slower, and just as right.
        return


class _Samples:
    """Turns decoded frames into float32 [channels, n]; whole numbers are scaled by their full range, without dither."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._layout = ""
        self._resampler: av.AudioResampler | None = None

    def __call__(self, frame: av.AudioFrame) -> np.ndarray:
        import av

        self._layout = self._layout or frame.layout.name
        changed = frame.sample_rate != self._rate or frame.layout.name != self._layout
        if not changed and (frame.format.is_packed or frame.layout.nb_channels < _MAX_PLANES):
            return as_float(frame)
        # Broadcasts change their layout between programmes; the first one's is kept.
        if self._resampler is None:
            self._resampler = av.AudioResampler("flt", self._layout, self._rate)
        return np.concatenate([as_float(part) for part in self._resampler.resample(frame)], axis=1)


def as_float(frame: av.AudioFrame) -> np.ndarray:
    """A frame's samples as float32 [channels, samples], nominally in [-1, 1]."""
    samples = frame.to_ndarray()
    if frame.format.is_packed:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        full_range = 2.0 ** (8 * samples.dtype.itemsize - 1)
        return (samples / full_range).astype(np.float32)
    return np.asarray(samples, dtype=np.float32)
