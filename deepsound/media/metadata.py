"""Metadata carried into a mux: tags, languages, dispositions, chapters, time code."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from deepsound.media.inventory import kept_tags

if TYPE_CHECKING:
    import av.container
    import av.stream

# Tags that the mp4 and mov muxers write where players look for them; all others need an atom of Apple's key list.
_PLAIN_TAGS = {
    "mp4": frozenset(
        {"title", "artist", "album_artist", "composer", "album", "date", "comment", "genre", "copyright", "grouping"}
        | {"lyrics", "description", "synopsis", "show", "episode_id", "network", "keywords", "track", "disc"}
        | {"compilation", "creation_time", "location", "timecode", "media_type", "hd_video"}
    ),
    "mov": frozenset(
        {"title", "artist", "author", "composer", "album", "date", "comment", "genre", "copyright", "make", "model"}
        | {"location", "keywords", "creation_time", "timecode"}
    ),
}
_NOT_CARRIED_FLAGS = ("default", "attached_pic", "timed_thumbnails")


def needs_key_list(format_name: str, tags: dict[str, str]) -> bool:
    """Whether an mp4 or mov would lose one of `tags` unless all are written as Apple's keys (`use_metadata_tags`)."""
    plain = _PLAIN_TAGS.get(format_name)
    return plain is not None and any(name.lower() not in plain for name in tags)


def copy_track_facts(source: av.stream.Stream, target: av.stream.Stream, default: bool) -> None:
    """Give a track the source's language, title, other tags and dispositions; `default` says which one players take."""
    target.metadata.update(kept_tags(source.metadata))
    copy_flags(source, target, default)


def copy_flags(source: av.stream.Stream, target: av.stream.Stream, default: bool) -> None:
    """Give a track the source's dispositions (forced, hearing impaired, comment …), and its own `default`."""
    flags = type(source.disposition)
    # Whole numbers: PyAV 14 takes no flags here.
    kept = source.disposition.value
    for name in _NOT_CARRIED_FLAGS:
        flag = getattr(flags, name, None)
        kept &= ~flag.value if flag is not None else -1
    target.disposition = kept | (flags.default.value if default else 0)  # type: ignore[assignment]


def windowed_chapters(container: av.container.InputContainer, zero_s: Fraction, duration_s: float) -> list[Any]:
    """The chapters that lie within the window which begins at `zero_s` on the container's clock, timed from there."""
    if not hasattr(container, "chapters"):
        return []
    chapters: list[Any] = []
    for chapter in container.chapters():
        base = Fraction(chapter["time_base"] or 1)
        begin = max(Fraction(0), chapter["start"] * base - zero_s)
        end = min(Fraction(duration_s), chapter["end"] * base - zero_s)
        if begin < end:
            ticks = {"start": round(begin * 1000), "end": round(end * 1000), "time_base": Fraction(1, 1000)}
            chapters.append({"id": len(chapters) + 1, "metadata": dict(chapter["metadata"]), **ticks})
    return chapters


def later_timecode(timecode: str, frames: int, fps: Fraction) -> str:
    """An SMPTE time code (`;` before the frames: drop frame) that many frames on; unreadable ones come back as is."""
    parts = re.fullmatch(r"(\d+):(\d+):(\d+)([:;.])(\d+)", timecode.strip())
    rate = round(fps)
    if parts is None or rate < 1:
        return timecode
    hours, minutes, seconds, number = (int(parts[place]) for place in (1, 2, 3, 5))
    drop = round(rate / 15) if parts[4] != ":" and rate % 30 == 0 else 0
    whole_minutes = hours * 60 + minutes
    count = (whole_minutes * 60 + seconds) * rate + number - drop * (whole_minutes - whole_minutes // 10) + frames
    if drop:
        # SMPTE 12M: two (of 30) numbers are left out each minute but every tenth.
        tens, rest = divmod(count, rate * 600 - drop * 9)
        count += drop * 9 * tens + drop * max(0, (rest - drop) // (rate * 60 - drop))
    total, number = divmod(count, rate)
    hours, minutes, seconds = total // 3600 % 24, total // 60 % 60, total % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{parts[4]}{number:02}"
