"""Player files of a comparison: preview video, FLAC and spectrogram per track, JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.compare import drawing
from deepsound.compare.comparison import ComparedTrack, Comparison
from deepsound.media.clip import Clip
from deepsound.media.flac import write_flac
from deepsound.media.plots import envelope, write_png
from deepsound.media.preview import write_preview
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

VERSION = 1
# More columns than a node has pixels, and few enough for the description to stay small.
_COLUMNS = 1200
_MEL_HEIGHT = 160
_BLOCK = 1 << 22

Place = Callable[[str], Path]


def write_listening_files(comparison: Comparison, place: Place, progress: Progress = Progress()) -> dict[str, Any]:
    """Write the files and return their description as plain data; `place` gives a new path for a suffix.

    Each sound is FLAC at equal loudness; `gain_db` was added to it, so that a player can take it off again.
    `peaks` are pairs of signed bytes (least and greatest sample of a column over the common scale) in base64.
    Raises OutputError when a file cannot be written.
    """
    duration_s = comparison.duration_s
    levels = drawing.mel_levels(comparison, _COLUMNS, progress.part(0, 0.2))
    top_db, scale = drawing.common_top_db(levels), drawing.full_scale(comparison)
    tracks = []
    for index, (track, level) in enumerate(zip(comparison.tracks, levels, strict=True)):
        share = 0.2 + 0.4 * index / len(levels)
        described = _describe(track, duration_s, scale, progress)
        described["audio"] = _sound(track, place, progress.part(share, share + 0.4 / len(levels)))
        described["spectrogram"] = _picture(level, top_db, place)
        tracks.append(described)
    return {
        "version": VERSION,
        "duration_s": duration_s,
        "top_hz": comparison.top_hz,
        "tracks": tracks,
        "spans_s": [[span.start_s, span.end_s] for span in comparison.spans],
        "video": None if comparison.clip is None else _video(comparison.clip, place, progress.part(0.6, 1)),
    }


def _describe(track: ComparedTrack, duration_s: float, scale: float, progress: Progress) -> dict[str, Any]:
    loudness = track.level.loudness
    return {
        "name": track.name,
        "title": track.title,
        "duration_s": track.audio.duration_s,
        "sample_rate": track.audio.sample_rate,
        "channels": track.audio.channels,
        "lufs": loudness.integrated_lufs,
        "true_peak_dbtp": loudness.true_peak_dbtp,
        "gain_db": track.level.gain_db,
        "matched": track.level.matched,
        "peaks": _peaks(track.audio, drawing.columns_of(track.audio.duration_s, duration_s, _COLUMNS), scale, progress),
    }


def _peaks(audio: Audio, columns: int, scale: float, progress: Progress) -> str:
    if not audio.samples or not columns:
        return ""
    low, high, _ = envelope(audio.numpy(), columns, progress.check)
    pairs = np.stack([np.floor(low / scale * 127), np.ceil(high / scale * 127)], axis=1)
    return base64.b64encode(np.clip(pairs, -127, 127).astype(np.int8).tobytes()).decode("ascii")


def _picture(level: np.ndarray, top_db: float, place: Place) -> str | None:
    if not level.shape[1]:
        return None
    path = place(".png")
    write_png(drawing.spectrogram(level, level.shape[1], _MEL_HEIGHT, top_db), path)
    return path.name


def _sound(track: ComparedTrack, place: Place, progress: Progress) -> str | None:
    if not track.playback.samples:
        return None
    path = place(".flac")
    write_flac(_apply_gain(track.playback, track.level.gain_db, progress), path, progress)
    return path.name


def _apply_gain(audio: Audio, gain_db: float, progress: Progress) -> Audio:
    import torch

    waveform = torch.empty_like(audio.waveform)
    for start in range(0, audio.samples, _BLOCK):
        progress.check()
        part = slice(start, start + _BLOCK)
        torch.mul(audio.waveform[:, part], 10 ** (gain_db / 20), out=waveform[:, part])
    return Audio(waveform, audio.sample_rate)


def _video(clip: Clip, place: Place, progress: Progress) -> dict[str, Any]:
    path = place(".mp4")
    write_preview(clip, path, progress, with_sound=False)
    return {
        "file": path.name,
        "width": clip.video.width,
        "height": clip.video.height,
        "duration_s": clip.duration_s,
        "fps": float(clip.video.fps),
    }
