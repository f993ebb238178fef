"""Deduplication of what encoders see: equal pictures and equal segments are encoded once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from deepsound.generate.mmaudio.frame_sampling import TickedFrames
from deepsound.models.synchformer.config import SynchformerConfig


@dataclass(frozen=True)
class Distinct:
    """A sequence's distinct items: `places` where each first stands, `rows` which of them each item equals."""

    places: tuple[int, ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, items: Sequence[Hashable]) -> Distinct:
        known: dict[Hashable, int] = {}
        rows = tuple(known.setdefault(item, len(known)) for item in items)
        first = {row: place for place, row in reversed(list(enumerate(rows)))}
        return cls(tuple(first[row] for row in range(len(known))), rows)

    def runs(self, longest: int) -> Iterator[tuple[int, int]]:
        """Beginning and end, exclusive, of stretches of places in a row, of at most `longest` each."""
        begin = 0
        for index in range(1, len(self.places) + 1):
            is_end = index == len(self.places) or self.places[index] != self.places[index - 1] + 1
            if is_end or index - begin == longest:
                yield self.places[begin], self.places[index - 1] + 1
                begin = index


def distinct_pictures(frames: TickedFrames) -> Distinct:
    """The pictures that differ in their pixels; frames of a still scene are often equal."""
    return Distinct.of(frames.contents())


def distinct_segments(frames: TickedFrames, config: SynchformerConfig, count: int) -> Distinct:
    """The first `count` of Synchformer's overlapping segments that differ in a picture."""
    contents, hop = frames.contents(), config.hop_steps * config.frames_per_step
    starts = (number * hop for number in range(count))
    return Distinct.of(
        [tuple(contents[row] for row in frames.rows[start : start + config.segment_frames]) for start in starts]
    )
