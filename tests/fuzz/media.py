"""Fuzzing target: media files of every container."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

import deepsound.media.render
from deepsound.errors import DeepSoundError, InputError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.mux import mux
from deepsound.media.probe import probe
from deepsound.types import Audio
from tests.fuzz.targets import Target

_VIDEOS = {
    "h264.mp4": ("libx264", "aac"),
    "mpeg4.mov": ("mpeg4", "pcm_s16le"),
    "ffv1.mkv": ("ffv1", "flac"),
    "vp8.webm": ("libvpx", "libopus"),
    "mpeg4.avi": ("mpeg4", "libmp3lame"),
    "h264.ts": ("libx264", "aac"),
    "flv1.flv": ("flv", "libmp3lame"),
    "mpeg2.mpg": ("mpeg2video", "mp2"),
    "wmv2.wmv": ("wmv2", "wmav2"),
    "mjpeg.nut": ("mjpeg", "pcm_s16le"),
    "picture.gif": ("gif", None),
}
_SOUNDS = {
    "s16.wav": "pcm_s16le",
    "tone.mp3": "libmp3lame",
    "tone.flac": "flac",
    "tone.ogg": "libopus",
    "tone.m4a": "aac",
    "tone.aac": "aac",
    "tone.aiff": "pcm_s16be",
    "tone.wv": "wavpack",
}
_RATE = 48000
_MOST_FRAMES = 100


def seeds(folder: Path) -> list[Path]:
    """A valid file of half a second per container."""
    for name, (picture, sound) in _VIDEOS.items():
        _write(folder / name, picture, sound)
    for name, sound in _SOUNDS.items():
        _write(folder / name, None, sound)
    return sorted(folder.iterdir())


def _write(path: Path, picture: str | None, sound: str | None) -> None:
    import av

    with av.open(str(path), "w") as output:
        video = audio = None
        if picture is not None:
            video = output.add_stream(picture, rate=25, width=64, height=48)
            video.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(picture, "yuv420p")
        if sound is not None:
            audio = output.add_stream(sound, rate=_RATE, layout="mono")
            audio.codec_context.bit_rate = 64_000
        if video is not None:
            for index in range(12):
                grey = np.full((48, 64, 3), 15 * index, np.uint8)
                frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=video.pix_fmt)
                frame.pts, frame.time_base = index, 1 / video.codec_context.framerate
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        if audio is not None:
            _encode_tone(output, audio)


def _encode_tone(output: object, audio: object) -> None:
    import av

    wave = np.sin(np.arange(_RATE // 2) * 0.06).astype(np.float32)[None] / 2
    context = audio.codec_context  # type: ignore[attr-defined]
    resampler = av.AudioResampler(context.format, "mono", _RATE, frame_size=context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts = _RATE, 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        output.mux(audio.encode(piece))  # type: ignore[attr-defined]
    output.mux(audio.encode(None))  # type: ignore[attr-defined]


def read(path: Path) -> None:
    """Probe the file, decode its sound and pictures, and copy it under another sound."""
    info = probe(path)
    _ = info.notes
    if info.audio is not None:
        with contextlib.suppress(DeepSoundError):
            decode_audio(path, downmix="mono")
    if info.video is None:
        return
    clip = Clip.open(path)
    with contextlib.suppress(DeepSoundError):
        for _, frame in zip(range(_MOST_FRAMES), clip.frames(), strict=False):
            frame.gray(32)
    with contextlib.suppress(DeepSoundError):
        clip.audio()
    with contextlib.suppress(DeepSoundError):
        Clip.open(path, clip.duration_s / 2).audio()
    silence = Audio.from_numpy(np.zeros((1, 4800), np.float32), _RATE)
    for suffix in (".mp4", ".mkv"):
        with contextlib.suppress(DeepSoundError), _no_rendering():
            mux(path, silence, path.with_name(f"copied{suffix}"))


@contextlib.contextmanager
def _no_rendering() -> object:
    """Copies alone are tried: rendering is another process's work, and its input is the frames already read."""

    def refuse(*_: object, **__: object) -> None:
        raise InputError("rendering is left out")

    rendering, deepsound.media.render.render = deepsound.media.render.render, refuse
    try:
        yield
    finally:
        deepsound.media.render.render = rendering


TARGET = Target(seeds, read)
