"""Track selection: which picture and sound tracks are used or left out, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deepsound.errors import InputError

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

Kind = Literal["picture", "sound"]

# Twice the fastest rate of studio converters, and the most channels any container of the list has a use for.
_MAX_RATE_HZ = 768_000
_MAX_CHANNELS = 64
_MAX_NAME = 60
_NO_DECODER = "no decoder knows its codec"
# Names that writers give to every track tell nothing about one.
_GENERIC_NAMES = ("handler", "core media", "iso media", "gpac", "mainconcept", "alias")


@dataclass(frozen=True)
class Track:
    """One picture or sound track; `number` counts from 0 among its kind, `index` among all streams of the file.

    `language` (a code such as "eng"), `title` and `codec` (FFmpeg's name) are empty where they are not known,
    `channels` is 0 for pictures, and `obstacle` says why a track cannot be used (empty where it can).
    """

    kind: Kind
    number: int
    index: int
    codec: str = ""
    language: str = ""
    title: str = ""
    is_default: bool = False
    channels: int = 0
    obstacle: str = ""

    def __str__(self) -> str:
        """For people, who count from 1: `sound track 1 (fra, "Commentary", aac, 2 channels)`."""
        facts = (
            self.language,
            f'"{self.title}"' if self.title else "",
            self.codec,
            "" if not self.channels else "1 channel" if self.channels == 1 else f"{self.channels} channels",
            "default" if self.is_default else "",
        )
        known = ", ".join(fact for fact in facts if fact)
        number = self.number + 1
        name = f"sound track {number}" if self.kind == "sound" else f"picture track {number}"
        return name + (f" ({known})" if known else "")


def tracks_of(container: av.container.InputContainer) -> tuple[Track, ...]:
    """Every picture and sound track of an open file, pictures first, each kind in the file's order."""
    pictures = (_picture(number, stream) for number, stream in enumerate(container.streams.video))
    sounds = (_sound(number, stream) for number, stream in enumerate(container.streams.audio))
    return (*pictures, *sounds)


def choose(tracks: tuple[Track, ...], kind: Kind, number: int | None = None) -> Track | None:
    """The track to use: track `number` of its kind, else the default one, else the first that can be decoded.

    None where no track of the kind can be decoded. Raises InputError, listing the tracks, for a `number` that is not
    there or cannot be decoded.
    """
    own = [track for track in tracks if track.kind == kind]
    usable = [track for track in own if not track.obstacle]
    if number is None:
        return next((track for track in usable if track.is_default), usable[0] if usable else None)
    for track in usable:
        if track.number == number:
            return track
    raise InputError(_no_such_track(own, kind, number))


def first_video(container: av.container.InputContainer) -> av.VideoStream | None:
    """The picture's stream: the default one among those that can be decoded and are no cover picture."""
    track = choose(tracks_of(container), "picture")
    return None if track is None else container.streams.video[track.number]


def left_out(tracks: tuple[Track, ...], used: tuple[Track | None, ...]) -> tuple[str, ...]:
    """The tracks that are not used, each with the reason, for people."""
    return tuple(f"{track}: {track.obstacle or 'another one is used'}" for track in tracks if track not in used)


def _no_such_track(own: list[Track], kind: Kind, number: int) -> str:
    if not own:
        return (
            f"expected a file with a {kind} track {number + 1}, got one without {kind}; leave the track's choice off."
        )
    listed = "; ".join(str(track) + (f" - {track.obstacle}" if track.obstacle else "") for track in own)
    known = next((track for track in own if track.number == number), None)
    problem = f"{known} cannot be used ({known.obstacle})" if known else f"there is no {kind} track {number + 1}"
    return f"{problem}; choose one of: {listed}."


def _picture(number: int, stream: av.VideoStream) -> Track:
    if stream.codec_context is None:
        return _track("picture", number, stream, obstacle=_NO_DECODER)
    is_cover = bool(stream.disposition & stream.disposition.attached_pic)
    codec = stream.codec_context.codec.canonical_name
    return _track("picture", number, stream, codec, obstacle="a cover picture" if is_cover else "")


def _sound(number: int, stream: av.AudioStream) -> Track:
    context = stream.codec_context
    if context is None:
        return _track("sound", number, stream, obstacle=_NO_DECODER)
    rate, channels = context.sample_rate, context.layout.nb_channels
    obstacle = ""
    if not rate or not channels:
        obstacle = "it holds no sound"
    elif rate > _MAX_RATE_HZ or channels > _MAX_CHANNELS:
        obstacle = f"it claims {channels} channels at {rate} Hz, more than {_MAX_CHANNELS} at {_MAX_RATE_HZ} Hz"
    return _track("sound", number, stream, context.codec.canonical_name, channels, obstacle)


def _track(
    kind: Kind, number: int, stream: av.stream.Stream, codec: str = "", channels: int = 0, obstacle: str = ""
) -> Track:
    language = _clean(stream.metadata.get("language", ""))
    return Track(
        kind=kind,
        number=number,
        index=stream.index,
        codec=codec,
        language="" if language == "und" else language,
        title=_title(stream),
        is_default=bool(stream.disposition & stream.disposition.default),
        channels=channels,
        obstacle=obstacle,
    )


def _title(stream: av.stream.Stream) -> str:
    for key in ("title", "handler_name", "name"):
        text = _clean(stream.metadata.get(key, ""))
        if text and (key == "title" or not any(word in text.lower() for word in _GENERIC_NAMES)):
            return text
    return ""


def _clean(text: str) -> str:
    """A file's own words as one short printable line: they are shown in terminals and pages."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:_MAX_NAME]
