"""Setting how long an mp4 or mov shows its picture, by its edit list (ISO/IEC 14496-12, sections 8.6.5 and 8.6.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_VERSIONED = {b"mvhd", b"tkhd", b"elst"}
_CONTAINERS = {b"moov", b"trak", b"edts", b"mdia"}


@dataclass(frozen=True)
class _Box:
    """A box: its names from the outermost in, and where its content lies in the file."""

    path: tuple[bytes, ...]
    start: int
    end: int


def show_for(path: Path, duration_s: float) -> None:
    """Let the video track of a finished mp4 or mov last `duration_s` seconds; frames past that stay, unseen.

    The file must have 32-bit durations, as FFmpeg writes for all but the longest; others, and tracks without an edit
    list, are left as they are.
    """
    with path.open("r+b") as file:
        file.seek(0, 2)
        boxes = list(_boxes(file, 0, file.tell(), ()))
        track: list[_Box] = []
        movie = next(box for box in boxes if box.path == (b"moov", b"mvhd"))
        if any(box.path[-1] in _VERSIONED and _read(file, box.start) >> 24 for box in boxes):
            return
        timescale = _read(file, movie.start + 12)
        for box in boxes:
            if box.path == (b"moov", b"trak"):
                track = []
            track.append(box)
            if box.path[-1] == b"hdlr" and _bytes(file, box.start + 8) == b"vide":
                _set_duration(file, track, round(duration_s * timescale))
        tracks = [box for box in boxes if box.path[-1] == b"tkhd"]
        _write(file, movie.start + 16, max(_read(file, box.start + 20) for box in tracks))


def _set_duration(file: BinaryIO, track: list[_Box], duration: int) -> None:
    """Set the last edit so that all edits together last `duration`, and the track's header to match."""
    header = next(box for box in track if box.path[-1] == b"tkhd")
    edits = next((box for box in track if box.path[-1] == b"elst"), None)
    if edits is None:
        return
    count = _read(file, edits.start + 4)
    places = [edits.start + 8 + 12 * index for index in range(count)]
    before = sum(_read(file, place) for place in places[:-1])
    _write(file, places[-1], max(0, duration - before))
    _write(file, header.start + 20, sum(_read(file, place) for place in places))


def _boxes(file: BinaryIO, start: int, end: int, above: tuple[bytes, ...]) -> Iterator[_Box]:
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
        if name in _CONTAINERS:
            yield from _boxes(file, content, box_end, path)
        start = max(box_end, content)


def _bytes(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(4)


def _read(file: BinaryIO, place: int) -> int:
    return int(struct.unpack(">I", _bytes(file, place))[0])


def _write(file: BinaryIO, place: int, value: int) -> None:
    file.seek(place)
    file.write(struct.pack(">I", value))
