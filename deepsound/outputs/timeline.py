"""Timeline for video editors: picture, stems and markers as OpenTimelineIO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.media.files import atomic_write
from deepsound.runtime.packages import missing_package
from deepsound.types import Span

# Heard when the timeline is opened; the other stems are there muted, since together they would be twice the sound.
_HEARD = ("final", "coarse")
_COLOURS = {"remove": "RED", "keep": "GREEN"}


@dataclass(frozen=True)
class Marker:
    """A stretch of the timeline with a name and a comment."""

    span: Span
    name: str
    comment: str = ""


@dataclass(frozen=True)
class Picture:
    """The video of a timeline: its file, frames per second, and how many seconds of it are shown from `start_s`."""

    path: Path
    fps: Fraction
    duration_s: float
    start_s: float = 0.0


def write_timeline(path: Path, text: str) -> None:
    """Write the text of a timeline to an `.otio` file, aside and then renamed. Raises OutputError."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def timeline_text(
    name: str,
    folder: Path,
    stems: Mapping[str, Path],
    rate: Fraction | float,
    duration_s: float,
    picture: Picture | None = None,
    markers: Sequence[Marker] = (),
) -> str:
    """A timeline as OTIO's JSON: the picture on top, one audio track for each stem, and the markers.

    Media in `folder`, where the file is to be, are referred to by name alone, so that the folder can be moved; others
    by their full path. All stems but the first of final and coarse are disabled tracks. `rate` is the timeline's in
    frames per second, `duration_s` the stems' length. Raises MissingPackage without opentimelineio, InputError for a
    rate that is not positive.
    """
    otio = require_timeline_package()
    if float(rate) <= 0:
        raise InputError(f"timeline: expected a positive frame rate, got {rate}; set that of the picture.")
    timeline = otio.schema.Timeline(name)
    timeline.global_start_time = otio.opentime.RationalTime(0, float(rate))
    if picture is not None:
        track = otio.schema.Track("picture", kind=otio.schema.TrackKind.Video)
        track.append(_clip(otio, picture.path, folder, picture.fps, picture.start_s, picture.duration_s))
        timeline.tracks.append(track)
    heard = next((each for each in _HEARD if each in stems), next(iter(stems), ""))
    for stem, file in stems.items():
        track = otio.schema.Track(stem, kind=otio.schema.TrackKind.Audio)
        track.enabled = stem == heard
        track.append(_clip(otio, file, folder, rate, 0.0, duration_s))
        timeline.tracks.append(track)
    for marker in markers:
        timeline.tracks.markers.append(_marker(otio, marker, float(rate)))
    return str(otio.adapters.write_to_string(timeline, adapter_name="otio_json"))


def require_timeline_package() -> Any:
    """The module opentimelineio. Raises MissingPackage where it is not installed."""
    try:
        import opentimelineio
    except ImportError as error:
        raise missing_package(
            "The timeline for editors needs OpenTimelineIO, which is not installed",
            "opentimelineio",
            otherwise="leave it out and lay the stems on the timeline by hand (all begin at its start)",
        ) from error
    return opentimelineio


def _clip(otio: Any, file: Path, folder: Path, rate: Fraction | float, start_s: float, duration_s: float) -> Any:
    """A clip of `file` from `start_s`, `duration_s` seconds long, whole frames of `rate`, the last one begun."""
    frames, first = max(1, round(duration_s * float(rate))), round(start_s * float(rate))
    shown = otio.opentime.TimeRange(
        otio.opentime.RationalTime(first, float(rate)), otio.opentime.RationalTime(frames, float(rate))
    )
    whole = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, float(rate)), otio.opentime.RationalTime(first + frames, float(rate))
    )
    reference = otio.schema.ExternalReference(target_url=_address(file, folder), available_range=whole)
    reference.name = file.name
    return otio.schema.Clip(file.name, reference, shown)


def _address(file: Path, folder: Path) -> str:
    from urllib.parse import quote

    return quote(file.name) if file.parent == folder else file.absolute().as_uri()


def _marker(otio: Any, marker: Marker, rate: float) -> Any:
    span = otio.opentime.TimeRange(
        otio.opentime.RationalTime(round(marker.span.start_s * rate), rate),
        otio.opentime.RationalTime(max(1, round(marker.span.duration_s * rate)), rate),
    )
    colour = getattr(otio.schema.MarkerColor, _COLOURS.get(marker.name, "YELLOW"))
    made = otio.schema.Marker(marker.name, span, colour)
    made.metadata["deepsound"] = {"comment": marker.comment}
    if hasattr(made, "comment"):
        made.comment = marker.comment
    return made
