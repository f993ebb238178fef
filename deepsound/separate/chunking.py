"""Chunk plans for overlap-add: chunks of a long sound, their batches and fade windows.

`equal_overlap` cuts the sound into equal chunks that overlap just enough to be faded. `published_chunks` is the way of
the original (ZFTurbo's Music-Source-Separation-Training, `demix`), to the sample: borders mirrored around the sound,
chunks every `chunk / overlaps`, and a window that depends on the batch a chunk happens to be in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeVar

from deepsound.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Mode = Literal["equal_overlap", "published"]


def current_mode(name: str) -> Mode:
    """The mode called `name`; "clean" is what 0.3.0 called "equal_overlap". Raises InputError for an unknown one."""
    if name == "published":
        return "published"
    if name in ("equal_overlap", "clean"):
        return "equal_overlap"
    raise InputError(f"mode: expected 'equal_overlap' or 'published', got {name!r}; choose one of these.")


@dataclass(frozen=True)
class Chunk:
    """A chunk, `start` to `stop` in samples; where it reaches past either end of the sound it is mirrored.

    The network's input is padded to `input_samples`, by mirroring or with zeros. Over the first `rise` and the last
    `fall` samples of what it answers the window goes from 0 to 1 and back; with `open_ends` it never quite reaches 0.
    """

    start: int
    stop: int
    input_samples: int
    rise: int
    fall: int
    open_ends: bool
    filled_by_mirroring: bool = False

    @property
    def samples(self) -> int:
        return self.stop - self.start

    def window(self) -> Tensor:
        """Weights [samples] of the chunk's samples in the sum."""
        import torch

        weights = torch.ones(self.input_samples)
        if self.rise:
            weights[: self.rise] = fade_ramp(self.rise, self.open_ends)
        if self.fall:
            weights[self.input_samples - self.fall :] *= fade_ramp(self.fall, self.open_ends).flip(0)
        return weights[: self.samples]


@dataclass(frozen=True)
class ChunkPlan:
    """Batches of chunks in order; `border` samples at the sound's ends are mirrored around it."""

    batches: tuple[tuple[Chunk, ...], ...]
    border: int = 0

    @property
    def chunks(self) -> int:
        return sum(map(len, self.batches))


def fade_ramp(samples: int, open_ends: bool) -> Tensor:
    """From 0 to 1, both included; with `open_ends` neither, so that a ramp and its mirror add up to 1."""
    import torch

    return (torch.arange(samples) + 0.5) / samples if open_ends else torch.linspace(0, 1, samples)


def equal_overlap(samples: int, chunk: int, overlap: int, batch: int) -> ChunkPlan:
    """As few chunks of at most `chunk` samples as cover the sound with `overlap` in common, all of one length."""
    if samples <= chunk:
        return ChunkPlan(((Chunk(0, samples, samples, 0, 0, True),),))
    count = -(-(samples - overlap) // (chunk - overlap))
    length = -(-(samples + (count - 1) * overlap) // count)
    starts = [round(index * (samples - length) / (count - 1)) for index in range(count)]
    shared = [first + length - second for first, second in pairwise(starts)]
    chunks = [
        Chunk(start, start + length, length, rise, fall, True)
        for start, rise, fall in zip(starts, [0, *shared], [*shared, 0], strict=True)
    ]
    return ChunkPlan(_in_batches(chunks, batch))


def published_chunks(samples: int, chunk: int, overlaps: int, batch: int) -> ChunkPlan:
    """The original's chunks, without those that lie wholly in what it cuts off again: they change nothing.

    Its window is chosen for a whole batch: a first batch of one chunk has no fade-in, any other last batch no
    fade-out in any of its chunks. So the first chunk of a short sound fades in over nothing, as it does there.
    """
    step, fade = chunk // overlaps, chunk // 10
    border = chunk - step
    border = border if 0 < 2 * border < samples else 0
    padded = samples + 2 * border
    batches = []
    for group in _in_batches(range(0, padded, step), batch):
        first, last = group[0] == 0, group[-1] + step >= padded
        alone = first and len(group) == 1
        rise, fall = 0 if alone else fade, 0 if last and not alone else fade
        made = [
            _published_chunk(start - border, min(start + chunk, padded) - border, chunk, rise, fall) for start in group
        ]
        batches.append(tuple(part for part in made if part.start < samples and part.stop > 0))
    return ChunkPlan(tuple(part for part in batches if part), border)


def _published_chunk(start: int, stop: int, chunk: int, rise: int, fall: int) -> Chunk:
    return Chunk(start, stop, chunk, rise, fall, False, filled_by_mirroring=stop - start > chunk // 2)


def _in_batches(items: Sequence[T], size: int) -> tuple[tuple[T, ...], ...]:
    return tuple(tuple(items[first : first + size]) for first in range(0, len(items), size))
