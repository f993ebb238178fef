"""Truncation check: whether a media file ends before its outermost boxes do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_SEGMENT = 0x18538067
_EBML = 0x1A45DFA3


def is_cut(path: Path | str, container: str) -> bool | None:
    """True when bytes are missing at the end, False when none are, None for containers that do not tell.

    `container` is FFmpeg's name. mp4 and mov (ISO/IEC 14496-12, section 4.2), Matroska and WebM (RFC 8794) and RIFF
    (AVI, WAVE) state their sizes.
    """
    check = next((check for name, check in _CHECKS.items() if name in container.split(",")), None)
    if check is None:
        return None
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        end = check(file, size)
    return None if end is None else end > size


def _end_of_boxes(file: BinaryIO, size: int) -> int | None:
    """Where the last of the outermost boxes ends; one of size 0 reaches to the file's end."""
    start = 0
    while start + 8 <= size:
        file.seek(start)
        length = int.from_bytes(file.read(4), "big")
        if length == 1:
            file.seek(start + 8)
            length = int.from_bytes(file.read(8), "big")
        if length < 8:
            return size if length == 0 else None
        start += length
    return start


def _end_of_segment(file: BinaryIO, size: int) -> int | None:
    """Where Matroska's segment ends; None for a live recording, whose size is not known."""
    while file.tell() < size:
        name, _ = _number(file, keep_marker=True)
        length, is_known = _number(file)
        if name == _SEGMENT:
            return file.tell() + length if is_known else None
        if name != _EBML or not is_known:
            return None
        file.seek(length, 1)
    return None


def _number(file: BinaryIO, keep_marker: bool = False) -> tuple[int, bool]:
    """An EBML number of one to eight bytes, and whether it is not the reserved one that stands for "unknown"."""
    first = file.read(1)
    if not first or not first[0]:
        return 0, False
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    bits = 7 * length
    return (value, True) if keep_marker else (value & ((1 << bits) - 1), value & ((1 << bits) - 1) != (1 << bits) - 1)


def _end_of_riff(file: BinaryIO, size: int) -> int | None:
    """Where the RIFF chunk ends; None where its size was never filled in."""
    head = file.read(8)
    length = int.from_bytes(head[4:], "little")
    return 8 + length if head[:4] == b"RIFF" and 0 < length < 0xFFFFFFFF else None


_CHECKS: dict[str, Callable[[BinaryIO, int], int | None]] = {
    "mp4": _end_of_boxes,
    "matroska": _end_of_segment,
    "avi": _end_of_riff,
    "wav": _end_of_riff,
}
