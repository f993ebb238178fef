"""Which containers are written, and which pictures and sounds each may hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import InputError
from deepsound.media.probe import need_video, probe


@dataclass(frozen=True)
class Container:
    """A container: the video codecs that may be copied into it and the sound codecs it takes, the default one first.

    `hides` tells whether an edit list can hide frames at either end; only mp4 and mov have one.
    """

    format: str
    pictures: frozenset[str]
    sounds: tuple[str, ...]
    hides: bool


_MP4 = Container("mp4", frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"}), ("aac", "flac", "opus"), hides=True)
_MOV = Container(
    "mov",
    frozenset({"h264", "hevc", "mpeg4", "prores", "mjpeg", "dnxhd", "qtrle", "png"}),
    ("aac", "pcm_s16le", "pcm_f32le"),
    hides=True,
)
_WEBM = Container("webm", frozenset({"vp8", "vp9", "av1"}), ("opus",), hides=False)
_MKV = Container(
    "matroska",
    _MP4.pictures | _WEBM.pictures | {"ffv1", "mpeg2video", "mpeg1video", "mjpeg", "prores", "theora", "huffyuv"},
    ("flac", "opus", "pcm_s16le", "pcm_f32le"),
    hides=False,
)
CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _MOV, ".webm": _WEBM, ".mkv": _MKV}


def container_for(path: Path | str) -> Container:
    """The container a file name asks for by its suffix. Raises InputError for one that cannot be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise InputError(
            f"A video cannot be written as '{suffix or Path(path).name}'; use one of: {', '.join(CONTAINERS)}."
        )
    return CONTAINERS[suffix]


def allowed_codecs(suffix: str) -> frozenset[str]:
    """The video codecs (FFmpeg's names) that are copied into files with this suffix; others are encoded again."""
    return container_for(f"name{suffix}").pictures


def default_container(path: Path | str) -> str:
    """The suffix under which a video's picture can be copied: .mp4 where possible, then .webm, .mov, .mkv."""
    codec = need_video(probe(path)).codec
    return next((suffix for suffix in (".mp4", ".webm", ".mov", ".mkv") if codec in allowed_codecs(suffix)), ".mp4")


def sound_codec(container: Container, wanted: str | None) -> str:
    """The sound codec to use: the one wanted, or the container's default. Raises InputError for one it cannot hold."""
    if wanted is None:
        return container.sounds[0]
    if wanted not in container.sounds:
        raise InputError(
            f"{container.format} cannot hold the sound codec '{wanted}'; use one of: {', '.join(container.sounds)}."
        )
    return wanted
