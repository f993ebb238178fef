"""Audit of a mux: the output's inventory against the source's, for the report."""

from __future__ import annotations

from collections.abc import Iterator

from deepsound.media.formats import Container
from deepsound.media.inventory import BESIDE_PACKETS, Inventory, StreamEntry
from deepsound.media.mux_report import ReportItem

_KINDS = {
    "audio": "sound track {} ({})",
    "subtitle": "subtitles {} ({})",
    "video": "picture track {} ({})",
    "data": "data track {} ({})",
}
# Facts of little interest where all went well.
_QUIET_TRAITS = ("colour description", "bit depth", "pixel aspect", "rotation")
_TAG_NAMES = {
    "creation_time": "creation time",
    "location": "place",
    "com.apple.quicktime.make": "camera make",
    "com.apple.quicktime.model": "camera model",
    "com.apple.quicktime.location.iso6709": "place",
    "com.apple.quicktime.creationdate": "date of creation",
}


def audit(
    source: Inventory,
    output: Inventory,
    container: Container,
    replaced: int | None,
    has_sound: bool,
    windowed: bool,
    rendered: bool,
) -> tuple[ReportItem, ...]:
    """What became of everything in `source`.

    `replaced` is the index of the sound track that gave way to the new sound, which `has_sound` says is there;
    `rendered`: the picture was encoded again.
    """
    tracks = _Tracks(source, output, container, replaced, has_sound)
    return (
        *_traits(source, output, container, rendered),
        *tracks.items(),
        *_chapters(source, output, container, windowed),
        *_timecode(source, output, container),
        *_tags(source, output, container),
    )


def expected_losses(source: Inventory, container: Container, replaced: int | None) -> tuple[ReportItem, ...]:
    """What a container cannot hold of a source, known before anything is written."""
    items = [
        ReportItem(name, "lost", _cannot(container))
        for name, value in source.traits.items()
        if not holds_trait(container, name, value)
    ]
    for track in source.tracks:
        goes_elsewhere = _is_chapter_text(track, source) or _is_timecode(track, source)
        if track.index in (source.picture, replaced) or goes_elsewhere:
            continue
        if why := _track_obstacle(track, container):
            items.append(ReportItem(_label(track), "lost", why))
    if source.chapters and "chapters" not in container.keeps:
        items.append(ReportItem("chapters", "lost", _cannot(container)))
    return tuple(items)


class _Tracks:
    """Matches the output's tracks with the source's."""

    def __init__(
        self, source: Inventory, output: Inventory, container: Container, replaced: int | None, has_sound: bool
    ) -> None:
        self._source = source
        self._container = container
        self._replaced = replaced
        self._has_sound = has_sound
        new_sound = next(iter(output.of_kind("audio")), None) if has_sound else None
        self._left = [track for track in output.tracks if track not in (new_sound,) and track.index != output.picture]
        self._picture = next((track for track in output.tracks if track.index == output.picture), None)

    def items(self) -> Iterator[ReportItem]:
        for track in self._source.tracks:
            if track.index == self._source.picture:
                yield from self._changes(track, self._picture)
            elif track.index == self._replaced:
                gone = ("replaced", "by the new sound") if self._has_sound else ("lost", "the new video has no sound")
                yield ReportItem(_label(track), *gone)  # type: ignore[arg-type]
            elif not _is_chapter_text(track, self._source) and not _is_timecode(track, self._source):
                yield from self._one(track)

    def _one(self, track: StreamEntry) -> Iterator[ReportItem]:
        found = next((other for other in self._left if _is_the_same(track, other)), None)
        if found is None:
            yield ReportItem(_label(track), "lost", _track_obstacle(track, self._container) or "it was not copied")
            return
        self._left.remove(found)
        was_default = "default" in track.flags and "default" not in found.flags and track.kind == "audio"
        yield ReportItem(_label(track), "kept", "no longer the default" if was_default else "")
        yield from self._changes(track, found)

    def _changes(self, track: StreamEntry, found: StreamEntry | None) -> Iterator[ReportItem]:
        if found is None:
            return
        for what, before, after in (
            ("language of {}", track.language, found.language),
            ("title of {}", track.title, found.title),
            ("dispositions of {}", _flags(track), _flags(found) or ""),
        ):
            if before and before != after:
                yield ReportItem(what.format(_label(track)), "lost", f"{before}; {self._container.name} drops it")


def _is_the_same(track: StreamEntry, other: StreamEntry) -> bool:
    if track.is_cover:
        return other.is_cover or (other.kind == "attachment" and other.codec.startswith("cover"))
    return track.kind == other.kind and track.codec == other.codec and not other.is_cover


def _flags(track: StreamEntry) -> str:
    return ", ".join(sorted(track.flags - {"default", "attached_pic"}))


def _label(track: StreamEntry) -> str:
    if track.is_cover:
        return "cover picture"
    if track.kind == "attachment":
        return f"attachment {track.codec}"
    return _KINDS.get(track.kind, f"{track.kind} {{}} ({{}})").format(track.number, track)


def _track_obstacle(track: StreamEntry, container: Container) -> str:
    """Why a track cannot go along; empty where it can."""
    if track.codec == "unknown" and track.kind in ("audio", "video"):
        return "no decoder knows its codec"
    if track.is_cover:
        return "" if container.keeps & {"cover picture", "attachments"} else _cannot(container)
    if track.kind == "video":
        return "a video has one picture"
    if track.kind == "audio":
        return "" if track.codec in container.other_sounds else _cannot(container)
    if track.kind == "subtitle":
        return "" if track.codec in container.subtitles else _cannot(container)
    if track.kind == "attachment":
        return "" if "attachments" in container.keeps else _cannot(container)
    return "tracks of data are not copied"


def _cannot(container: Container) -> str:
    return f"{container.name} cannot hold it"


def holds_trait(container: Container, trait: str, value: str) -> bool:
    """Whether a container can carry a trait of the picture; what lies in the picture's own packets goes anywhere."""
    beside_packets = trait in ("Dolby Vision", "spherical projection") or value == BESIDE_PACKETS
    return not beside_packets or trait in container.keeps


def _is_chapter_text(track: StreamEntry, source: Inventory) -> bool:
    """QuickTime keeps the chapters' titles in a track of their own, which muxers write anew."""
    return track.kind == "data" and bool(source.chapters) and track.codec in ("unknown", "bin_data")


def _is_timecode(track: StreamEntry, source: Inventory) -> bool:
    return track.kind == "data" and bool(source.timecode) and track.codec in ("unknown", "tmcd")


def _traits(source: Inventory, output: Inventory, container: Container, rendered: bool) -> Iterator[ReportItem]:
    for name, value in source.traits.items():
        after = output.traits.get(name)
        if after == value or (after and name in ("alpha plane", "Dolby Vision")):
            if name not in _QUIET_TRAITS:
                yield ReportItem(name, "kept", "" if value in ("yes", BESIDE_PACKETS, "record", "fields") else value)
        elif after:
            yield ReportItem(name, "changed", f"{value} became {after}")
        elif name == "HDR" and rendered:
            yield ReportItem(name, "changed", f"{value} was tone mapped to SDR")
        elif name == "interlacing" and rendered:
            yield ReportItem(name, "changed", "deinterlaced")
        else:
            yield ReportItem(name, "lost", "" if holds_trait(container, name, value) else _cannot(container))


def _chapters(source: Inventory, output: Inventory, container: Container, windowed: bool) -> Iterator[ReportItem]:
    if source.chapters is None or (source.chapters and output.chapters is None):
        import av

        yield ReportItem("chapters, if there are any", "lost", f"PyAV {av.__version__} cannot copy them")
    elif source.chapters:
        before, after = len(source.chapters), len(output.chapters or ())
        if after and (after == before or windowed):
            yield ReportItem("chapters", "kept", f"{after} of {before} lie in the window" if after < before else "")
        else:
            why = "none lies in the window" if windowed and "chapters" in container.keeps else _cannot(container)
            yield ReportItem("chapters", "lost", why)


def _timecode(source: Inventory, output: Inventory, container: Container) -> Iterator[ReportItem]:
    if source.timecode:
        fate = "kept" if output.timecode else "lost"
        yield ReportItem(f"time code {source.timecode}", fate, "" if output.timecode else _cannot(container))  # type: ignore[arg-type]


def _tags(source: Inventory, output: Inventory, container: Container) -> Iterator[ReportItem]:
    after = {name.lower(): text for name, text in output.tags.items()}
    for name, text in source.tags.items():
        if name.lower() == "timecode":
            continue
        shown = _TAG_NAMES.get(name.lower(), name.lower())
        kept = after.get(name.lower(), "").strip() == text.strip() or _same_moment(after.get(name.lower()), text)
        written_anew = name.lower() in after and not kept
        if kept:
            yield ReportItem(shown, "kept")
        elif written_anew:
            yield ReportItem(shown, "changed", f"it is now {after[name.lower()][:40]!r}")
        else:
            yield ReportItem(shown, "lost", f"{container.name} did not take it")


def _same_moment(one: str | None, other: str) -> bool:
    """Whether two times are equal but for their fractions of a second, as containers write them."""
    return one is not None and len(other) >= 19 and one[:19] == other[:19] and other[4:5] == "-"
