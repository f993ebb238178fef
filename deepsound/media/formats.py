"""Table of output containers: codecs, default sound codec, metadata each one keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from deepsound.choices import Option, names_of
from deepsound.errors import InputError
from deepsound.media.probe import MediaInfo, need_video


@dataclass(frozen=True)
class Container:
    """One row of the table: FFmpeg's muxer name, and the codecs (FFmpeg's names) that the container holds.

    `pictures` are copied; `sounds` can be encoded, the default first; `other_sounds` and `subtitles` are copied with
    tracks that are not replaced. `hides`: whether an edit list can hide frames at either end. `keeps` names what
    else the container holds, in the report's words.
    """

    suffix: str
    format: str
    pictures: frozenset[str]
    sounds: tuple[str, ...]
    other_sounds: frozenset[str]
    subtitles: frozenset[str]
    hides: bool
    keeps: frozenset[str]

    @property
    def name(self) -> str:
        """The suffix without its dot, as `--container` takes it."""
        return self.suffix.removeprefix(".")

    def copied_tracks(self, kind: str) -> frozenset[str]:
        """The codecs of tracks of a kind (audio, subtitle) that go along with picture and new sound."""
        return {"audio": self.other_sounds, "subtitle": self.subtitles}.get(kind, frozenset())


_PCM = frozenset(
    f"pcm_{kind}"
    for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "u8", "alaw", "mulaw")
)
_ISO_KEEPS = frozenset({"chapters", "cover picture", "spherical projection", "stereo 3D"})
_MP4 = Container(
    ".mp4",
    "mp4",
    frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}),
    ("aac", "flac", "opus"),
    frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "dts"}),
    frozenset({"mov_text"}),
    hides=True,
    keeps=_ISO_KEEPS | {"Dolby Vision"},
)
_MOV = Container(
    ".mov",
    "mov",
    frozenset(
        {"h264", "hevc", "av1", "mpeg4", "mpeg2video", "mpeg1video", "prores", "mjpeg", "dnxhd", "dvvideo", "qtrle"}
        | {"png", "cinepak", "svq1", "svq3", "h263", "jpeg2000", "hap", "rawvideo", "v210"}
    ),
    ("aac", "pcm_s16le", "pcm_f32le"),
    _PCM | {"aac", "mp3", "mp2", "ac3", "eac3", "alac"},
    frozenset({"mov_text"}),
    hides=True,
    keeps=_ISO_KEEPS,
)
_WEBM = Container(
    ".webm",
    "webm",
    frozenset({"vp8", "vp9", "av1"}),
    ("opus",),
    frozenset({"opus", "vorbis"}),
    frozenset({"webvtt"}),
    hides=False,
    keeps=frozenset({"alpha plane", "chapters", "stereo 3D"}),
)
_MKV = Container(
    ".mkv",
    "matroska",
    _MP4.pictures | _WEBM.pictures | {"prores", "theora", "ffv1", "snow", "dirac"},
    ("flac", "opus", "pcm_s16le", "pcm_f32le"),
    frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "vorbis", "dts", "truehd", "wavpack"})
    | frozenset({"pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8"}),
    frozenset({"subrip", "ass", "webvtt", "dvd_subtitle", "hdmv_pgs_subtitle", "dvb_subtitle"}),
    hides=False,
    keeps=frozenset({"alpha plane", "chapters", "attachments", "Dolby Vision", "spherical projection", "stereo 3D"}),
)
CONTAINERS = {row.suffix: row for row in (_MP4, replace(_MP4, suffix=".m4v"), _MOV, _WEBM, _MKV)}
# What `--container`, the nodes and the page offer; `auto` follows the source where that keeps the picture.
AUTO = "auto"
CONTAINER_CHOICES = (
    Option(AUTO, "as the source", "the source's own where it keeps the picture, else the first that does"),
    Option("mp4", "mp4", "plays everywhere; AAC sound"),
    Option("mov", "mov", "for editing: ProRes and the like, AAC or PCM sound"),
    Option("webm", "webm", "VP8, VP9 and AV1 with Opus sound, alpha planes included"),
    Option("mkv", "mkv", "holds nearly everything, attachments and any subtitles included; FLAC sound"),
)
CONTAINER_NAMES = names_of(CONTAINER_CHOICES)

# Which rows are tried for a source of FFmpeg's demuxer name, its own kind first.
_SOURCE_SUFFIXES = {
    "matroska,webm": (".webm", ".mkv"),
    "mov,mp4,m4a,3gp,3g2,mj2": (".mp4", ".mov"),
}


def container_for(path: Path | str) -> Container:
    """The container a file name asks for by its suffix. Raises InputError for one that cannot be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise InputError(
            f"A video cannot be written as '{suffix or Path(path).name}'; use one of: {', '.join(CONTAINERS)}."
        )
    return CONTAINERS[suffix]


def container_named(name: str) -> Container:
    """The container of a name such as `mp4` (a dot before it is fine). Raises InputError for an unknown one."""
    suffix = f".{name.strip().lower().removeprefix('.')}"
    if suffix not in CONTAINERS:
        raise InputError(f"Expected a container, one of {', '.join(CONTAINER_NAMES)}, got {name!r}.")
    return CONTAINERS[suffix]


def source_container(info: MediaInfo) -> Container | None:
    """The row of the table that a source is of, by its demuxer and suffix; None for avi, ts, flv and the like."""
    rows = _SOURCE_SUFFIXES.get(info.container, ())
    suffix = info.path.suffix.lower()
    if suffix in CONTAINERS and (suffix in rows or (suffix == ".m4v" and ".mp4" in rows)):
        return CONTAINERS[suffix]
    if not rows:
        return None
    # A name without a telling suffix: webm is a subset of matroska, so only what fits it is taken for it.
    codec = need_video(info).codec
    return next((CONTAINERS[row] for row in rows if codec in CONTAINERS[row].pictures), CONTAINERS[rows[-1]])


def sound_codec(container: Container, wanted: str | None) -> str:
    """The sound codec to use: the one wanted, or the container's default. Raises InputError for one it cannot hold."""
    if wanted is None:
        return container.sounds[0]
    if wanted not in container.sounds:
        raise InputError(
            f"{container.format} cannot hold the sound codec '{wanted}'; use one of: {', '.join(container.sounds)}."
        )
    return wanted
