"""Duration of a file's picture and sound: headers checked against the packets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from deepsound.media.container import open_input, packets
from deepsound.media.truncation import is_cut

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

_FALLBACK_FPS = Fraction(25)
# A faster "rate" is a container's clock, taken for one where it tells no rate (as Matroska does for varying ones).
_MAX_FPS = 480
_US_PER_S = 1_000_000
# Headers are rounded, count a codec's delay or the last frame twice; a download that stopped lacks more than this.
_ROUNDED_S = 0.25


@dataclass(frozen=True)
class Length:
    """A track's `duration_s` in seconds, None where it is not known, and what its own header stated (None: nothing)."""

    duration_s: float | None = None
    stated_s: float | None = None


@dataclass(frozen=True)
class _Tail:
    """What the packets from some point to the file's end tell, in seconds from the track's start."""

    packets: int = 0
    last_s: float = 0.0
    end_s: float = 0.0


def picture_length(
    container: av.container.InputContainer, stream: av.VideoStream, start_s: Fraction
) -> tuple[Length, Fraction]:
    """The picture's length and mean frame rate.

    Headers err: they may count the sound's length, leave frames out where rates vary, or have been written before a
    live recording ended. So what they say holds only where it ends within the last frame.
    """
    fps = _fps(stream)
    stated_s = _stated_s(stream, start_s)
    if container.format.name == "avi":
        # FFmpeg corrects the duration by the file's size, but not the number of frames.
        stated_s = max(stated_s, stream.frames / float(fps))
    expected_s = stated_s or _container_end_s(container, start_s)
    tail = _tail_at(container, stream, start_s, expected_s)
    if tail.last_s < expected_s <= tail.end_s:
        duration_s = expected_s
    else:
        shortest_s = tail.last_s + float(1 / fps) if tail.last_s else tail.packets / float(fps)
        duration_s = tail.end_s if tail.end_s > tail.last_s else shortest_s
    if not stream.average_rate or stream.average_rate > _MAX_FPS:
        everything = _tail(container.name, stream.index, start_s, None)
        fps = Fraction(everything.packets / duration_s).limit_denominator(1001) if duration_s > 0 else fps
    return Length(duration_s, stated_s or None), fps if fps > 0 else _FALLBACK_FPS


def sound_length(container: av.container.InputContainer, stream: av.AudioStream, start_s: Fraction) -> Length:
    """The sound's length; what its header states holds unless the packets end well before."""
    stated_s = _stated_s(stream, start_s)
    tail = _tail_at(container, stream, start_s, stated_s or _container_end_s(container, start_s))
    holds = stated_s > 0 and (not tail.packets or tail.end_s > stated_s - _ROUNDED_S)
    duration_s = stated_s if holds else max(tail.end_s, tail.last_s)
    return Length(duration_s or None, stated_s or None)


def cut_short(container: av.container.InputContainer, picture: Length, sound: Length) -> tuple[str, ...]:
    """A sentence, with both numbers, where the file was cut and less of a track is there than its header states.

    Where the tracks' own headers state nothing the file's does for the longer of them. Containers that do not tell
    their size are taken for cut where no track reaches the stated end.
    """
    stated_s = (container.duration or 0) / _US_PER_S
    there_s = max(picture.duration_s or 0.0, sound.duration_s or 0.0)
    is_cut_off = is_cut(container.name, container.format.name)
    if is_cut_off is False or (is_cut_off is None and there_s > stated_s - _ROUNDED_S):
        return ()
    for name, length in (("picture", picture), ("sound", sound)):
        if length.duration_s and length.stated_s and length.duration_s < length.stated_s - _ROUNDED_S:
            return (_shortfall_text(f" of {name}", length.stated_s, length.duration_s),)
    if picture.stated_s or sound.stated_s or not there_s or there_s > stated_s - _ROUNDED_S:
        return ()
    return (_shortfall_text("", stated_s, there_s),)


def _shortfall_text(what: str, stated_s: float, there_s: float) -> str:
    return (
        f"The file promises {stated_s:.2f} s{what} but holds {there_s:.2f} s: it is cut short, perhaps a download that "
        "stopped. What is there is used."
    )


def _fps(stream: av.VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _MAX_FPS:
            return Fraction(rate)
    return _FALLBACK_FPS


def _stated_s(stream: av.stream.Stream, start_s: Fraction) -> float:
    """The track's duration from its own header; 0 where it does not."""
    if stream.duration and stream.duration > 0:
        return float(stream.duration * Fraction(stream.time_base or 1))
    return max(0.0, _tagged_duration_s(stream.metadata.get("DURATION", "")) - float(start_s))


def _container_end_s(container: av.container.InputContainer, start_s: Fraction) -> float:
    """Where the file's header says that all tracks have ended, in seconds from `start_s`; 0 where it does not."""
    return max(0.0, ((container.duration or 0) + (container.start_time or 0)) / _US_PER_S - float(start_s))


def _tagged_duration_s(text: str) -> float:
    """Matroska's per-stream DURATION tag, hh:mm:ss.fraction, in seconds; 0 where it says nothing usable."""
    try:
        hours, minutes, seconds = text.split(":")
        total = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
    return total if math.isfinite(total) else 0.0


def _tail_at(
    container: av.container.InputContainer, stream: av.stream.Stream, start_s: Fraction, end_s: float
) -> _Tail:
    """The track's end: its packets near `end_s`, or all of them where the file has none there."""
    tail = _tail(container.name, stream.index, start_s, end_s) if end_s > 0 else _Tail()
    return tail if tail.end_s > 0 or tail.last_s > 0 else _tail(container.name, stream.index, start_s, None)


def _tail(path: str, index: int, start_s: Fraction, seek_s: float | None) -> _Tail:
    """Read the packets' times, from the keyframe before `seek_s` on; nothing is decoded."""
    import av

    count, last_s, end_s = 0, 0.0, 0.0
    with open_input(path) as container:
        stream = container.streams[index]
        time_base = Fraction(stream.time_base or 1)
        if seek_s is not None:
            try:
                container.seek(int((Fraction(seek_s) + start_s) * _US_PER_S), backward=True)
            except (av.FFmpegError, OverflowError):
                return _Tail()
        for packet in packets(container, stream):
            if packet.size and not packet.is_discard:
                count += 1
                if packet.pts is not None:
                    last_s = max(last_s, float(packet.pts * time_base - start_s))
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * time_base - start_s))
    return _Tail(count, last_s, end_s)
