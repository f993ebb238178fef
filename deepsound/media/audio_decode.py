"""Streaming sound decoding: float32 pieces with their place on the video's timeline."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from deepsound.errors import MediaError
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.downmix import downmix_matrix
from deepsound.media.probe import MediaInfo, need_audio

if TYPE_CHECKING:
    import av
    import av.container

# Codecs predict from earlier packets (Opus asks for 80 ms, MP3 for its bit reservoir): read this much before a window.
_PREROLL_S = 0.5
# Seeking lands on a known sample in these alone; elsewhere times are estimates or rounded to milliseconds.
MOV = "mov,mp4,m4a,3gp,3g2,mj2"
_EXACT_SEEK = (MOV, "wav")
# A packet this far from where the samples so far end is a true gap or overlap; less is a rounded time stamp.
_GAP_S = 0.05
_ROUNDED_S = 0.001
# PyAV crashes on frames of this many planes and more, so they are packed before it touches them.
_MAX_PLANES = 8


class SoundDecoder:
    """Decodes the chosen sound track of a file, mixed down where `downmix` says so.

    `layout` is FFmpeg's name for what the channels are; it is known once the first piece has been read.
    """

    def __init__(self, info: MediaInfo, downmix: str | None, pace: ThrottledProgress) -> None:
        self._info = info
        self._rate = need_audio(info).sample_rate
        self._pace = pace
        self._converter = _Converter(self._rate, downmix)

    @property
    def layout(self) -> str:
        return self._converter.layout

    def pieces(self, first: int, wanted: int | None) -> Iterator[tuple[int, np.ndarray]]:
        """Pieces [channels, n] with their place in the window that begins at sample `first` of the file's timeline.

        Places only tell where a piece goes: a hole in the time stamps costs nothing here, however long it is.
        """
        position: int | None = None
        for stamp, piece in self._decode_pieces(first):
            position = self._place(position, stamp)
            at = position - first
            position += piece.shape[1]
            if at < 0:
                piece, at = piece[:, -at:], 0
            if wanted is not None and at >= wanted:
                return
            if piece.shape[1]:
                yield at, piece
            self._pace.update(at / wanted if wanted else None)

    def _place(self, position: int | None, stamp: Fraction | None) -> int:
        """Where a piece goes: after the one before, unless its time stamp (in samples) says there was a gap."""
        if stamp is None:
            return position or 0
        if position is None:
            # Matroska rounds times to milliseconds, so a first sample within one of the zero is meant to be there.
            rounded = self._info.container not in _EXACT_SEEK and abs(stamp) <= _ROUNDED_S * self._rate
            return 0 if rounded else round(stamp)
        return position if abs(stamp - position) < _GAP_S * self._rate else round(stamp)

    def _decode_pieces(self, first: int) -> Iterator[tuple[Fraction | None, np.ndarray]]:
        """Pieces with their time stamps in samples from the timeline's zero (None where the container has none)."""
        import av

        info = self._info
        with open_input(info.path) as container:
            stream = _sound_stream(container, info)
            time_base = Fraction(stream.time_base or Fraction(1, self._rate))
            zero_s = info.video.start_s if info.video is not None else None
            has_sought = False
            if first and info.container in _EXACT_SEEK:
                has_sought = _seek(container, stream, first / self._rate + float(zero_s or 0) - _PREROLL_S)
            for packet in packets(container, stream):
                self._pace.check()
                try:
                    decoded = stream.decode(packet)
                except av.FFmpegError:
                    # One damaged packet: its time is left silent, the rest is kept.
                    continue
                if has_sought and decoded:
                    _set_manual_skip(stream, False)
                    has_sought = False
                for frame in decoded:
                    stamp_s = frame.pts * time_base if frame.pts is not None else None
                    if zero_s is None:
                        zero_s = stamp_s or Fraction(0)
                    stamp = None if stamp_s is None else (stamp_s - zero_s) * self._rate
                    yield stamp, self._converter(frame)


def _sound_stream(container: av.container.InputContainer, info: MediaInfo) -> av.AudioStream:
    """The chosen track's stream. Raises MediaError where the file is no longer the one that was probed."""
    number = need_audio(info).track
    sounds = container.streams.audio
    if number >= len(sounds) or sounds[number].codec_context is None:
        raise MediaError(f"{info.path} changed while it was read: sound track {number + 1} is gone; open it again.")
    return sounds[number]


def _seek(container: av.container.InputContainer, stream: av.AudioStream, time_s: float) -> bool:
    """Go to a packet at or before `time_s`; False where that cannot be done."""
    import av

    try:
        container.seek(int(time_s / Fraction(stream.time_base or 1)), stream=stream, backward=True)
    except (av.FFmpegError, OverflowError):
        # Without an index the file is read from its start: slower, and just as right.
        return False
    # Newer FFmpegs (seen: PyAV 19) tell the decoder after a seek, too, to drop what an edit list hides at the start of
    # the file, which takes that long a piece out of the middle.
    _set_manual_skip(stream, True)
    return True


def _set_manual_skip(stream: av.AudioStream, manual: bool) -> None:
    from av.codec.context import Flags2

    flags = int(stream.codec_context.flags2) & ~int(Flags2.skip_manual)
    stream.codec_context.flags2 = flags | (int(Flags2.skip_manual) if manual else 0)


class _Converter:
    """Turns decoded frames into float32 [channels, n] of the first frame's layout, at one rate.

    Whole numbers are scaled by their full range, without dither. Broadcasts change their format between programmes;
    what comes later is resampled to what came first.
    """

    def __init__(self, rate: int, downmix: str | None) -> None:
        self._rate = rate
        self._downmix = downmix
        self._layout = ""
        self._gains: np.ndarray | None = None
        self._resampler: av.AudioResampler | None = None
        self._resampled: tuple[object, ...] = ()

    @property
    def layout(self) -> str:
        return self._downmix if self._downmix and self._layout else self._layout

    def __call__(self, frame: av.AudioFrame) -> np.ndarray:
        if not self._layout:
            self._layout = frame.layout.name
            if self._downmix:
                speakers = [channel.name for channel in frame.layout.channels]
                self._gains = downmix_matrix(speakers, self._downmix)
        samples = self._native(frame)
        return samples if self._gains is None else self._gains @ samples

    def _native(self, frame: av.AudioFrame) -> np.ndarray:
        changed = frame.sample_rate != self._rate or frame.layout.name != self._layout
        if not changed and (frame.format.is_packed or frame.layout.nb_channels < _MAX_PLANES):
            return as_float(frame)
        try:
            parts = self._resample(frame)
        except ValueError:
            # Channels without known speakers cannot be mapped to others: such a stretch is left silent.
            parts = []
        return np.concatenate([as_float(part) for part in parts], axis=1) if parts else self._nothing()

    def _resample(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame in the first layout and rate; a resampler takes one input format, so each format gets a new one."""
        import av

        input_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        rest: list[av.AudioFrame] = []
        if self._resampler is None or self._resampled != input_format:
            rest = self._resampler.resample(None) if self._resampler is not None else []
            # To whole numbers FFmpeg mixes so that full scale stays full scale; to floats stereo gains 3 dB in mono.
            sample_format = "flt" if frame.layout.name == self._layout else "s32"
            self._resampler = av.AudioResampler(sample_format, self._layout, self._rate)
            self._resampled = input_format
        return [*rest, *self._resampler.resample(frame)]

    def _nothing(self) -> np.ndarray:
        import av

        return np.zeros((av.AudioLayout(self._layout).nb_channels, 0), np.float32)


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
