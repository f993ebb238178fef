"""Frame sampling for MMAudio: the first frame at or after each tick, at 8 and 25 fps.

Late starts and slow videos repeat frames; each is resized and kept once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from deepsound.media.picture_store import PictureStore
from deepsound.media.views import Frame, Timeline
from deepsound.models.synchformer.preprocess import clip_picture, squeezed_sync_picture, sync_picture
from deepsound.runtime.digests import digest_of

CLIP_FPS = 8
SYNC_FPS = 25
# Longer than any side of a frame: MMAudio resizes from the video's own size.
UNSCALED = 1 << 30


class Ticks:
    """Says of each frame, in order of time, how many ticks take it.

    The next tick is summed up and not multiplied out: at 25 fps the sum drifts past the frames' own times, which
    skips a frame here and repeats one there, and the networks were trained on these choices.
    """

    def __init__(self, per_second: float) -> None:
        self._step_s = 1 / per_second
        self._next_s = 0.0

    def ticks_until(self, time_s: float) -> int:
        count = 0
        while time_s >= self._next_s:
            self._next_s += self._step_s
            count += 1
        return count


@dataclass(frozen=True, eq=False)
class TickedFrames:
    """One picture per tick, repeated ones stored once.

    `store` keeps the distinct pictures, uint8 [3, height, width] each; `rows` says which of them each tick takes,
    counted from the store's `offset`; `numbers` which frame of the clip's window, from 0, each of them was.
    """

    store: PictureStore
    rows: tuple[int, ...]
    numbers: tuple[int, ...]
    offset: int = 0

    def first(self, ticks: int) -> TickedFrames:
        """The first so many ticks."""
        rows = self.rows[:ticks]
        return replace(self, rows=rows, numbers=self.numbers[: max(rows, default=-1) + 1])

    def between(self, begin: int, end: int) -> TickedFrames:
        """The ticks from `begin` to `end`, exclusive."""
        rows = self.rows[begin:end]
        first, last = (rows[0], rows[-1]) if rows else (0, -1)
        numbers = self.numbers[first : last + 1]
        return TickedFrames(self.store, tuple(row - first for row in rows), numbers, self.offset + first)

    @property
    def distinct(self) -> int:
        """How many pictures these ticks take."""
        return len(self.numbers)

    @property
    def pictures(self) -> Tensor:
        """All distinct pictures, uint8 [distinct, 3, height, width]; many for a long clip, see `batch`."""
        return self.batch(0, self.distinct)

    def batch(self, begin: int, end: int) -> Tensor:
        """The distinct pictures from `begin` to `end`."""
        return torch.from_numpy(self.store.read(self.offset + begin, self.offset + min(end, self.distinct)))

    def take(self, places: Sequence[int]) -> Tensor:
        """The distinct pictures at `places`, in that order."""
        return torch.cat([self.batch(place, place + 1) for place in places])

    def contents(self) -> list[bytes]:
        """A digest of each distinct picture's pixels."""
        return self.store.digests[self.offset : self.offset + self.distinct]

    def frame_numbers(self) -> list[int]:
        """The number of the frame that each tick takes."""
        return [self.numbers[row] for row in self.rows]

    def digest(self) -> str:
        """What is seen at each tick, as a digest of the pixels: equal pictures at equal ticks have equal digests."""
        return digest_of(*(self.store.digests[self.offset + row] for row in self.rows))


@dataclass(frozen=True)
class FramesPerTick:
    """A view of the frames taken by `per_second` ticks a second up to and with `until_s`; result: TickedFrames.

    `prepare` is a module's function from a full-size picture uint8 [3, height, width] to the one that is kept. With
    `hold_last` the window's remaining ticks take its last frame again. Without, as published, they take none, and
    the sound ends early: by a frame at 25 fps, where the sum of ticks is ahead of the frames, by more in slow videos.
    """

    per_second: float
    prepare: Callable[[Tensor], Tensor]
    until_s: float = math.inf
    hold_last: bool = False

    def start(self, timeline: Timeline) -> _TickCollector:
        return _TickCollector(self, min(self.until_s, timeline.duration_s))


def clip_view(until_s: float = math.inf, hold_last: bool = False) -> FramesPerTick:
    """The frames for CLIP's image features: 8 a second, 384 x 384 pixels."""
    return FramesPerTick(CLIP_FPS, clip_picture, until_s, hold_last)


def sync_view(until_s: float = math.inf, hold_last: bool = False, squeezed: bool = False) -> FramesPerTick:
    """The frames for Synchformer's features: 25 a second, 224 x 224 pixels; `squeezed` as SelVA, else cropped."""
    return FramesPerTick(SYNC_FPS, squeezed_sync_picture if squeezed else sync_picture, until_s, hold_last)


def usable_duration_s(requested_s: float, clip_ticks: int | None, sync_ticks: int) -> float:
    """How many seconds can be generated when so many ticks found a frame: never more than was requested.

    `clip_ticks` is None where CLIP looks at nothing.

    Of them int(8 * seconds) CLIP frames and int(25 * seconds) sync frames are used, see `TickedFrames.first`.
    """
    clip_s = math.inf if clip_ticks is None else clip_ticks / CLIP_FPS
    return min(requested_s, clip_s, sync_ticks / SYNC_FPS)


class _TickCollector:
    def __init__(self, view: FramesPerTick, end_s: float) -> None:
        self._view = view
        self._end_s = end_s
        self._ticks = Ticks(view.per_second)
        self._frame_count = 0
        self.done = False
        self._store = PictureStore()
        self._rows: list[int] = []
        self._numbers: list[int] = []

    def see(self, frame: Frame) -> None:
        self.done = frame.time_s > self._view.until_s
        number, self._frame_count = self._frame_count, self._frame_count + 1
        ticks_until = self._ticks.ticks_until(frame.time_s) if frame.time_s <= self._view.until_s else 0
        if not ticks_until:
            return
        self._rows.extend([len(self._store)] * ticks_until)
        self._numbers.append(number)
        self._store.append(self._view.prepare(_channels_first(frame.rgb(UNSCALED))).numpy())

    def result(self) -> TickedFrames:
        if self._view.hold_last:
            left = self._ticks.ticks_until(math.nextafter(self._end_s, 0.0))
            self._rows.extend([len(self._store) - 1] * left)
        return TickedFrames(self._store, tuple(self._rows), tuple(self._numbers))


def _channels_first(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)
