"""Player files of a comparison: preview video, FLAC and spectrogram per track, JSON."""

from __future__ import annotations

import base64
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.compare import drawing
from deepsound.compare.comparison import ComparedTrack, Comparison
from deepsound.media.clip import Clip
from deepsound.media.decode import frames
from deepsound.media.files import atomic_write, output_error
from deepsound.media.flac import write_flac
from deepsound.media.mux import mux
from deepsound.media.plots import envelope, write_png
from deepsound.media.render import even
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

VERSION = 1
# More columns than a node has pixels, and few enough for the description to stay small.
_COLUMNS = 1200
_MEL_HEIGHT = 160
_BLOCK = 1 << 22
_PREVIEW_SIDE = 720
_PREVIEW_OPTIONS = {"crf": "21", "preset": "veryfast"}
# What browsers play wherever they run; the rest is encoded again, smaller.
_PLAYED = {"h264": ("yuv420p", "yuvj420p"), "vp9": ("yuv420p",), "av1": ("yuv420p",)}
_PLAYED_IN = ".mp4"

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
    path = place(_PLAYED_IN)
    if clip.video.pixel_format in _PLAYED.get(clip.video.codec, ()):
        mux(clip.path, None, path, start_s=clip.start_s, duration_s=clip.duration_s, progress=progress)
    else:
        _write_preview(clip, path, progress)
    return {
        "file": path.name,
        "width": clip.video.width,
        "height": clip.video.height,
        "duration_s": clip.duration_s,
        "fps": float(clip.video.fps),
    }


def _write_preview(clip: Clip, path: Path, progress: Progress) -> None:
    """The clip's window, small and silent, as H.264 with each frame at its own time."""
    import av

    with atomic_write(path) as partial:
        try:
            with av.open(str(partial), "w", format="mp4") as container:
                stream: av.VideoStream | None = None
                for shown in frames(clip.info, clip.start_s, clip.duration_s, progress):
                    picture = even(shown.rgb(_PREVIEW_SIDE))
                    if stream is None:
                        stream = _preview_stream(container, clip, picture)
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame.pts, frame.time_base = round(shown.time_s * 90000), Fraction(1, 90000)
                    container.mux(stream.encode(frame))
                if stream is not None:
                    container.mux(stream.encode(None))
        except av.FFmpegError as error:
            raise output_error(path, OSError(error.errno, error.strerror)) from error


def _preview_stream(container: Any, clip: Clip, picture: np.ndarray) -> Any:
    stream = container.add_stream("libx264", rate=clip.video.fps, options=_PREVIEW_OPTIONS)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 90000)
    return stream
