"""Inventory of a video file: tracks, chapters, tags, alpha, HDR, interlacing, stereo 3D."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.media.container import open_input, packets
from deepsound.media.edit_list import movie_header
from deepsound.media.rotation import orientation_of
from deepsound.media.streams import first_video

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

# Facts of the old file and its tracks; the new one has its own.
_STRUCTURAL = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id", "rotate"}
_STATISTICS = re.compile(r"^(bps|number_of_(frames|bytes)|_statistics_.*|duration)(-[a-z]{3})?$")
_DEFAULT_HANDLERS = {"videohandler", "soundhandler", "subtitlehandler", "timecodehandler", "datahandler"}
# Codes of ITU-T H.273: transfer characteristics 16 (SMPTE ST 2084) and 18 (ARIB STD-B67); 2 is "unspecified".
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
_UNSPECIFIED = 2
_COLOURS = ("color_primaries", "color_trc", "colorspace")
_SIDE_DATA = {
    "MASTERING_DISPLAY_METADATA": "mastering display",
    "CONTENT_LIGHT_LEVEL": "content light level",
    "DYNAMIC_HDR_PLUS": "dynamic HDR",
    "DYNAMIC_HDR_VIVID": "dynamic HDR",
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "STEREO3D": "stereo 3D",
    "SPHERICAL": "spherical projection",
}
# The value of an alpha plane that Matroska stores beside the picture's packets (VP8 and VP9 have none in them).
BESIDE_PACKETS = "beside the packets"
_DOLBY_RECORDS = (b"dvcC", b"dvvC", b"dvwC")
_MATROSKA_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class StreamEntry:
    """One track: `kind` is video, audio, subtitle, data or attachment; `flags` are FFmpeg's dispositions.

    `index` counts from 0 among all tracks, `number` from 1 among those of its kind.
    """

    index: int
    number: int
    kind: str
    codec: str
    language: str = ""
    title: str = ""
    flags: frozenset[str] = frozenset()

    @property
    def is_cover(self) -> bool:
        """Whether it is a still picture that stands for the file."""
        return "attached_pic" in self.flags

    def __str__(self) -> str:
        return ", ".join(part for part in (self.language, self.title, self.codec) if part)


@dataclass(frozen=True)
class Inventory:
    """What a file holds. `picture` is the shown track's index, `chapters` their titles (None: PyAV cannot read them).

    `traits` says what the picture carries, in the report's words, each with its value ("HDR": "PQ").
    """

    path: Path
    tracks: tuple[StreamEntry, ...]
    picture: int
    chapters: tuple[str, ...] | None
    tags: dict[str, str] = field(default_factory=dict)
    traits: dict[str, str] = field(default_factory=dict)
    timecode: str = ""

    def of_kind(self, kind: str) -> tuple[StreamEntry, ...]:
        """The tracks of a kind, covers apart."""
        return tuple(track for track in self.tracks if track.kind == kind and not track.is_cover)


def take_inventory(path: Path | str) -> Inventory:
    """Look through a video file; its first frame is decoded. Raises InputError or MediaError as probe does."""
    with open_input(path) as container:
        picture = first_video(container)
        index = picture.index if picture is not None else -1
        traits = _traits(container, picture) if picture is not None else {}
        if _has_dolby_vision(Path(path)):
            traits["Dolby Vision"] = "record"
        return Inventory(
            Path(path),
            tuple(_tracks(container)),
            index,
            _chapter_titles(container),
            kept_tags(container.metadata),
            traits,
            _timecode(container),
        )


def codec_name(stream: av.stream.Stream) -> str:
    """FFmpeg's name of a stream's codec; `unknown` where no decoder and no name is known."""
    context = stream.codec_context
    if context is not None:
        return str(context.codec.canonical_name)
    return str(getattr(stream, "name", None) or "unknown")


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    """The tags that describe the work, not the file: no brands, durations, statistics or language doubles."""
    return {
        name: text
        for name, text in tags.items()
        if name.lower() not in _STRUCTURAL
        and not text.startswith("Lavf")
        and not _STATISTICS.match(name.lower())
        and not (re.search(r"-[a-z]{3}$", name) and name[:-4] in tags)
        and not (name == "handler_name" and text.lower() in _DEFAULT_HANDLERS)
    }


def _tracks(container: av.container.InputContainer) -> Iterator[StreamEntry]:
    seen: Counter[str] = Counter()
    for stream in container.streams:
        seen[stream.type] += 1
        yield _track(stream, seen[stream.type])


def _track(stream: av.stream.Stream, number: int) -> StreamEntry:
    language = stream.metadata.get("language", "")
    flags = stream.disposition
    return StreamEntry(
        stream.index,
        number,
        stream.type,
        codec_name(stream) if stream.type != "attachment" else stream.metadata.get("filename", "unnamed"),
        "" if language == "und" else language,
        stream.metadata.get("title", ""),
        frozenset(flag.name for flag in type(flags) if flag & flags and flag.name),
    )


def _chapter_titles(container: av.container.InputContainer) -> tuple[str, ...] | None:
    if not hasattr(container, "chapters"):
        return None
    return tuple(chapter["metadata"].get("title", "") for chapter in container.chapters())


def _timecode(container: av.container.InputContainer) -> str:
    tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    found = ({name.lower(): text for name, text in some.items()}.get("timecode", "") for some in tags)
    return next((text for text in found if text), "")


def _traits(container: av.container.InputContainer, stream: av.VideoStream) -> dict[str, str]:
    import av

    traits = {}
    tags = {name.lower(): text for name, text in stream.metadata.items()}
    if tags.get("alpha_mode") == "1":
        traits["alpha plane"] = BESIDE_PACKETS
    if tags.get("stereo_mode", "mono") != "mono":
        traits["stereo 3D"] = tags["stereo_mode"]
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        traits["pixel aspect"] = f"{aspect.numerator}:{aspect.denominator}"
    # Read now: a decoder overwrites what the container says with what the frames do not say.
    stated = {name: int(getattr(stream.codec_context, name, _UNSPECIFIED)) for name in _COLOURS}
    for packet in packets(container, stream):
        try:
            frame = next(iter(packet.decode()), None)
        except av.FFmpegError:
            continue
        if isinstance(frame, av.VideoFrame) and frame.width:
            return traits | _frame_traits(frame, stated)
    return traits


def _frame_traits(frame: av.VideoFrame, stated: dict[str, int]) -> dict[str, str]:
    traits = {_SIDE_DATA[name]: "yes" for name in _side_data_names(frame) if name in _SIDE_DATA}
    components = frame.format.components
    if any(component.is_alpha for component in components):
        traits["alpha plane"] = frame.format.name
    if components and components[0].bits > 8:
        traits["bit depth"] = f"{components[0].bits} bit"
    of_frame = {name: int(getattr(frame, name, _UNSPECIFIED)) for name in _COLOURS}
    colours = {name: of_frame[name] if of_frame[name] != _UNSPECIFIED else stated[name] for name in _COLOURS}
    if colours["color_trc"] in _HDR_TRANSFERS:
        traits["HDR"] = _HDR_TRANSFERS[colours["color_trc"]]
    if any(code != _UNSPECIFIED for code in colours.values()):
        traits["colour description"] = "-".join(map(str, colours.values()))
    if frame.interlaced_frame:
        traits["interlacing"] = "fields"
    degrees = orientation_of(frame).degrees
    if degrees:
        traits["rotation"] = str(degrees)
    return traits


def _side_data_names(frame: Any) -> set[str]:
    # Iterating gives the data up to PyAV 18, and from 19 on, as any mapping does, the types alone.
    return {str(getattr(data, "type", data).name) for data in frame.side_data}


def _has_dolby_vision(path: Path) -> bool:
    """Whether the file's headers hold a Dolby Vision configuration record, which PyAV does not show."""
    header = movie_header(path)
    if not header:
        with path.open("rb") as file:
            header = file.read(_MATROSKA_HEADER_BYTES)
        if not header.startswith(b"\x1a\x45\xdf\xa3"):
            return False
    return any(record in header for record in _DOLBY_RECORDS)
