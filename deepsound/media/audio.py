"""Audio decoding onto the video's timeline, resampling, channel mixing and length fitting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from deepsound.errors import InputError, MediaError
from deepsound.media.audio_decode import MOV, SoundDecoder
from deepsound.media.container import ThrottledProgress
from deepsound.media.downmix import check_downmix
from deepsound.media.probe import MediaInfo, need_audio, probe
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import MAPPED_FROM_BYTES, padded, release_pages, zeros
from deepsound.types import Audio

_RESAMPLED = 1 << 16
# Decoded pieces, of some thousand samples each, between two times that mapped pages are given back.
_PIECES_TOGETHER = 64
# Silence that no sample stands for (a hole in the time stamps, a picture that goes on after the sound) is filled up to
# this many bytes, 23 minutes of stereo at 48000 Hz, or up to as much again as there is sound, whichever is more.
MAX_SILENCE_BYTES = 256 << 20


def decode_audio(
    path: Path | str,
    start_s: float = 0.0,
    duration_s: float | None = None,
    progress: Progress = Progress(),
    *,
    audio_track: int | None = None,
    downmix: str | None = None,
) -> Audio:
    """The sound of any audio or video file as float32 [channels, samples] at its own rate in Hz.

    Time 0 is the video's first shown frame, or the first sample where there is no video. With `duration_s` the length
    is exactly round(duration_s * rate) samples, else the sound runs to its end; samples that are not finite become 0.
    `audio_track` chooses a track other than the default one, `downmix` ("mono", "stereo") mixes the channels down.
    Raises InputError for an impossible window, track or mix, MediaError when there is no sound or none can be decoded.
    """
    if not start_s >= 0 or (duration_s is not None and not duration_s >= 0):
        raise InputError(f"expected a start and a duration of 0 seconds or more, got {start_s} and {duration_s}.")
    return decode_window(probe(path, audio_track), start_s, duration_s, progress, downmix)


def decode_window(
    info: MediaInfo,
    start_s: float,
    duration_s: float | None,
    progress: Progress,
    downmix: str | None = None,
) -> Audio:
    """As decode_audio, for a file that has been probed."""
    check_downmix(downmix)
    audio = need_audio(info)
    first = round(start_s * audio.sample_rate)
    wanted = _samples_left(info, first) if duration_s is None else round(duration_s * audio.sample_rate)
    decoder = SoundDecoder(info, downmix, ThrottledProgress(progress))
    pieces = list(_stored(decoder.pieces(first, wanted)))
    if not pieces:
        if duration_s is None and not start_s:
            raise MediaError(f"{info.path}: no sound can be decoded; the file may be damaged. Try to play it.")
        channels = {"mono": 1, "stereo": 2}.get(downmix or "", audio.channels)
        pieces = [(0, np.zeros((channels, 0), np.float32))]
    decoded = max(at + piece.shape[1] for at, piece in pieces)
    length = decoded if wanted is None else wanted if duration_s is not None else min(wanted, decoded)
    _check_silence(info, pieces, length)
    return Audio.from_numpy(_join(pieces, length), audio.sample_rate, decoder.layout)


def _stored(pieces: Iterable[tuple[int, np.ndarray]]) -> Iterator[tuple[int, np.ndarray]]:
    """The pieces, those beyond a few minutes in mapped memory."""
    held, room, used = 0, np.zeros((0, 0), np.float32), 0
    for at, piece in pieces:
        channels, samples = piece.shape
        held += 4 * piece.size
        if held <= MAPPED_FROM_BYTES or not piece.size:
            yield at, piece
            continue
        if samples > room.shape[1] - used:
            room, used = zeros(channels, max(samples, MAPPED_FROM_BYTES // (4 * channels) + 1)), 0
            release_pages()
        stored = room[:, used : used + samples]
        stored[:] = piece
        used += samples
        yield at, stored


def _join(pieces: list[tuple[int, np.ndarray]], length: int) -> np.ndarray:
    samples = zeros(pieces[0][1].shape[0], length)
    for index, (at, piece) in enumerate(pieces):
        part = piece[:, : max(0, length - at)]
        samples[:, at : at + part.shape[1]] = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
        if not index % _PIECES_TOGETHER:
            release_pages()
    return samples


def _check_silence(info: MediaInfo, pieces: list[tuple[int, np.ndarray]], length: int) -> None:
    """Raise MediaError, before anything is allocated, where far more silence than sound would have to be made up."""
    frame_bytes = 4 * pieces[0][1].shape[0]
    sounding = sum(piece.shape[1] for _, piece in pieces)
    allowed = max(MAX_SILENCE_BYTES // frame_bytes, sounding)
    if length - sounding > allowed:
        rate = need_audio(info).sample_rate
        raise MediaError(
            f"{info.path}: {(length - sounding) / rate:.1f} of {length / rate:.1f} s have no sound, more than the "
            f"{allowed / rate:.1f} s that are filled with silence; choose a shorter part by its start and duration."
        )


def resample(audio: Audio, sample_rate: int, progress: Progress = Progress()) -> Audio:
    """The same sound at `sample_rate` Hz (soxr, high quality), in step with it: ceil(samples * out / in) samples."""
    import soxr

    if sample_rate <= 0:
        raise InputError(f"expected a positive sample rate, got {sample_rate} Hz.")
    if sample_rate == audio.sample_rate:
        return audio
    length = -(-audio.samples * sample_rate // audio.sample_rate)
    source = audio.numpy()
    stream = soxr.ResampleStream(audio.sample_rate, sample_rate, audio.channels, dtype="float32", quality="HQ")
    pace = ThrottledProgress(progress)
    result = zeros(audio.channels, length)
    done = 0
    for start in range(0, max(audio.samples, 1), _RESAMPLED):
        pace.update(start / max(audio.samples, 1))
        block = np.ascontiguousarray(source[:, start : start + _RESAMPLED].T)
        out = stream.resample_chunk(block, last=start + _RESAMPLED >= audio.samples)[: length - done]
        result[:, done : done + len(out)] = out.T
        done += len(out)
        release_pages()
    return Audio.from_numpy(result, sample_rate, audio.layout)


def to_mono(audio: Audio) -> Audio:
    """The mean of the channels as one channel [1, samples]."""
    return audio if audio.channels == 1 else Audio(audio.waveform.mean(dim=0, keepdim=True), audio.sample_rate, "mono")


def fit_length(audio: Audio, samples: int) -> Audio:
    """The sound cut, or padded with zeros at its end, to exactly `samples` samples."""
    if samples < 0:
        raise InputError(f"expected a length of 0 samples or more, got {samples}.")
    missing = samples - audio.samples
    if missing > 0:
        return replace(audio, waveform=padded(audio.waveform, samples))
    return audio if missing == 0 else replace(audio, waveform=audio.waveform[:, :samples])


def _samples_left(info: MediaInfo, first: int) -> int | None:
    """How long the sound goes on after sample `first`, where the container knows better than the codec.

    AAC fills its last packet up with silence, and only the edit list of an mp4 or mov says where the sound ends.
    """
    audio = need_audio(info)
    if info.container != MOV or audio.duration_s is None:
        return None
    zero_s = info.video.start_s if info.video is not None else audio.start_s
    return max(0, round((float(audio.start_s - zero_s) + audio.duration_s) * audio.sample_rate) - first)
