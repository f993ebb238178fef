"""Seeded mutations of bytes: what transfers, disks and attackers do to files."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)
_NUMBER_FORMATS = (">B", "<H", ">H", "<I", ">I", "<Q", ">Q")
_TOKENS = (
    *(b"null", b"NaN", b"Infinity", b"-1", b"0", b"1e999", b"1e12", b"999999999999999999999", b"true", b'""', b"{}"),
    *(b"[]", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b'"=1+1"', b"../../x", b"[" * 5000, b'{"a":' * 5000, b"x" * 5000),
)

Mutator = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutate(seeds: Sequence[bytes], which: int, rng: random.Random, text: bool = False) -> bytes:
    """One to four mutations of `seeds[which]`; the other seeds lend pieces. `text` adds mutations of JSON and CSV."""
    data = bytearray(seeds[which])
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        rng.choice(_BYTES + _TEXT if text else _BYTES)(data, rng, seeds)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """A position, every other time within the first or last 512 bytes, where headers and indexes lie."""
    size = max(1, len(data))
    near = min(size, 512)
    return rng.choice((rng.randrange(size), rng.randrange(size), rng.randrange(near), size - 1 - rng.randrange(near)))


def _piece(data: bytearray, rng: random.Random) -> slice:
    start = _place(data, rng)
    return slice(start, start + rng.choice((1, 4, 16, 64, 512, 4096)))


def _flip_bits(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 32))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set_number(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    layout = rng.choice(_NUMBER_FORMATS)
    size = struct.calcsize(layout)
    at = _place(data, rng)
    number = rng.choice((rng.choice(_NUMBERS), rng.getrandbits(8 * size)))
    data[at : at + size] = struct.pack(layout, number % 2 ** (8 * size))


def _fill(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    piece = _piece(data, rng)
    length = len(data[piece])
    data[piece] = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))


def _remove(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    del data[_piece(data, rng)]


def _cut_short(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def _repeat(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    piece = _piece(data, rng)
    data[piece.start : piece.start] = data[piece] * rng.choice((1, 1, 3, 10))


def _swap(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    one, other = _piece(data, rng), _piece(data, rng)
    data[one], data[other] = data[other], data[one]


def _splice(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    donor = bytearray(rng.choice(seeds))
    data[_piece(data, rng)] = donor[_piece(donor, rng)]


def _set_token(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    """Put an odd value in place of one between separators."""
    stops = [at for at, byte in enumerate(data) if byte in b":,[]{}\n"]
    if len(stops) > 1:
        index = rng.randrange(len(stops) - 1)
        data[stops[index] + 1 : stops[index + 1]] = rng.choice(_TOKENS)


def _drop_mark(data: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    marks = [at for at, byte in enumerate(data) if byte in b'":,[]{}\n']
    if marks:
        del data[rng.choice(marks)]


_BYTES: tuple[Mutator, ...] = (_flip_bits, _set_number, _fill, _remove, _cut_short, _repeat, _swap, _splice)
_TEXT: tuple[Mutator, ...] = (_set_token, _set_token, _set_token, _drop_mark)
