"""Edit lists of mp4 and mov: how long the picture is shown (ISO/IEC 14496-12, 8.6.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia"}
# Where the duration lies in a header's content, in its version 0 and in its version 1.
_MOVIE_DURATION = (16, 24)
_TRACK_DURATION = (20, 28)
# An hour's index takes a few megabytes.
_MOST_HEADER_BYTES = 1 << 28


@dataclass(frozen=True)
class _Box:
    """A box: its names from the outermost in, and where its content lies in the file."""

    path: tuple[bytes, ...]
    start: int
    end: int


def show_for(path: Path, duration_s: float) -> None:
    """Let the video track of a finished mp4 or mov last `duration_s` seconds; frames past that stay, unseen.

    Tracks without an edit list, and files whose durations have no room for so long a one, are left as they are.
    """
    with path.open("r+b") as file:
        boxes = list(_boxes(file, 0, file.seek(0, 2), ()))
        movie = _DurationBox(file, next(box for box in boxes if box.path == (b"moov", b"mvhd")), _MOVIE_DURATION)
        duration = round(duration_s * movie.timescale)
        track: list[_Box] = []
        for box in boxes:
            if box.path == (b"moov", b"trak"):
                track = []
            track.append(box)
            if box.path[-1] == b"hdlr" and _bytes(file, box.start + 8) == b"vide":
                _set_duration(file, track, duration)
        headers = [_DurationBox(file, box, _TRACK_DURATION) for box in boxes if box.path[-1] == b"tkhd"]
        movie.duration = max(header.duration for header in headers)


def movie_header(path: Path) -> bytes:
    """The `moov` box of an mp4 or mov, where all that is no sample lies; empty for other files and damaged ones."""
    with path.open("rb") as file:
        try:
            for box in _boxes(file, 0, file.seek(0, 2), (), inside=False):
                if box.path == (b"moov",):
                    file.seek(box.start)
                    return file.read(min(box.end - box.start, _MOST_HEADER_BYTES))
        except struct.error:
            return b""
    return b""


class _DurationBox:
    """A header box whose duration has 32 bits in version 0 and 64 in version 1."""

    def __init__(self, file: BinaryIO, box: _Box, places: tuple[int, int]) -> None:
        self._file = file
        self._box = box
        self._long = bool(_read(file, box.start) >> 24)
        self._place = box.start + places[self._long]

    @property
    def timescale(self) -> int:
        """Ticks a second, of an `mvhd` box: the number before its duration."""
        return _read(self._file, self._place - 4)

    @property
    def duration(self) -> int:
        return _read(self._file, self._place, self._long)

    @duration.setter
    def duration(self, value: int) -> None:
        _write(self._file, self._place, value, self._long)


def _set_duration(file: BinaryIO, track: list[_Box], duration: int) -> None:
    """Set the last edit so that all edits together last `duration`, and the track's header to match."""
    header = _DurationBox(file, next(box for box in track if box.path[-1] == b"tkhd"), _TRACK_DURATION)
    edits = next((box for box in track if box.path[-1] == b"elst"), None)
    if edits is None:
        return
    long = bool(_read(file, edits.start) >> 24)
    count = _read(file, edits.start + 4)
    places = [edits.start + 8 + (20 if long else 12) * index for index in range(count)]
    before = sum(_read(file, place, long) for place in places[:-1])
    if duration >= 2**32 and not long:
        return
    _write(file, places[-1], max(0, duration - before), long)
    header.duration = sum(_read(file, place, long) for place in places)


def _boxes(file: BinaryIO, start: int, end: int, above: tuple[bytes, ...], inside: bool = True) -> Iterator[_Box]:
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1:
            size = struct.unpack(">Q", file.read(8))[0]
            content += 8
        box_end = start + size if size else end
        path = (*above, name)
        yield _Box(path, content, box_end)
        if inside and name in _CONTAINERS:
            yield from _boxes(file, content, box_end, path)
        start = max(box_end, content)


def _bytes(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(4)


def _read(file: BinaryIO, place: int, long: bool = False) -> int:
    file.seek(place)
    return int.from_bytes(file.read(8 if long else 4), "big")


def _write(file: BinaryIO, place: int, value: int, long: bool = False) -> None:
    file.seek(place)
    file.write(value.to_bytes(8 if long else 4, "big"))
