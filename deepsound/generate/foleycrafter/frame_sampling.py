"""Frame sampling for FoleyCrafter: 150 frames of each window, evenly spaced by number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from deepsound.generate.foleycrafter.preprocess import clip_picture, onset_picture
from deepsound.generate.foleycrafter.request import FRAMES
from deepsound.generate.foleycrafter.windows import windows
from deepsound.media.picture_store import PictureStore
from deepsound.media.scene import Scene
from deepsound.media.views import Frame, Timeline
from deepsound.runtime.digests import digest_of
from deepsound.runtime.progress import Progress
from deepsound.types import Span

# Longer than any side of a frame: pictures are resized from the video's own size.
UNSCALED = 1 << 30
# A window's pictures are read back once; long clips have many windows.
_IN_MEMORY_BYTES = 8 << 20
_ROUNDING = 1e-6


def frame_numbers(frames: int) -> list[int]:
    """Which 150 of `frames` frames are taken: even distances, truncated; fewer than 150 are repeated."""
    numbers: list[int] = np.linspace(0, frames - 1, FRAMES).astype(int).tolist()
    return numbers


@dataclass(frozen=True, eq=False)
class WindowFrames:
    """The pictures of one window, repeated ones stored once; `numbers` are the 150 frames', of `of` in the window."""

    onset_store: PictureStore
    clip_store: PictureStore
    numbers: tuple[int, ...]
    of: int

    @property
    def rows(self) -> list[int]:
        """Which stored picture each of the 150 frames is."""
        distinct = {number: row for row, number in enumerate(dict.fromkeys(self.numbers))}
        return [distinct[number] for number in self.numbers]

    def for_onsets(self) -> Tensor:
        """All pictures for the onset detector, float32 [150, 3, 112, 112] from 0 to 255."""
        stored = torch.from_numpy(self.onset_store.read(0, len(self.onset_store)))
        return stored.view(torch.float32)[self.rows]

    def for_clip(self, row: int) -> Tensor:
        """One stored picture for CLIP, uint8 [3, 224, 224]."""
        return torch.from_numpy(self.clip_store.read(row, row + 1))[0]

    def onset_digest(self) -> str:
        """What the onset detector sees, as a digest of the pixels."""
        return digest_of(*(self.onset_store.digests[row] for row in self.rows))

    def clip_digest(self, rows: Sequence[int]) -> str:
        """What CLIP sees in those pictures, as a digest of the pixels."""
        return digest_of(*(self.clip_store.digests[row] for row in rows))


@dataclass(frozen=True)
class SampledFrames:
    """A view of every window's 150 frames up to `until_s`; result: a WindowFrames for each window.

    `counts` says how many frames each window has; without it the frame rate does.
    """

    until_s: float = math.inf
    counts: tuple[int, ...] = ()

    def start(self, timeline: Timeline) -> _FrameSampler:
        spans = windows(min(self.until_s, timeline.duration_s))
        counts = self.counts or tuple(_expected_frames(span, timeline.fps) for span in spans)
        return _FrameSampler([_WindowSampler(span, count) for span, count in zip(spans, counts, strict=True)])


def sample_frames(scene: Scene, duration_s: float, progress: Progress) -> tuple[WindowFrames, ...]:
    """Every window's frames, exactly by number: a scene whose rate misled about how many it has is looked at again."""
    view = SampledFrames(math.inf if duration_s >= scene.duration_s else duration_s)
    windows_frames: tuple[WindowFrames, ...] = scene.view(view, progress)
    counts = tuple(window.of for window in windows_frames)
    if any(list(window.numbers) != frame_numbers(window.of) for window in windows_frames):
        windows_frames = scene.view(replace(view, counts=counts), progress)
    return windows_frames


def _expected_frames(span: Span, fps: float) -> int:
    first = math.floor(span.start_s * fps + _ROUNDING)
    return max(1, math.ceil(span.end_s * fps - _ROUNDING) - first)


class _FrameSampler:
    def __init__(self, windows: list[_WindowSampler]) -> None:
        self._windows = windows
        self.done = False

    def see(self, frame: Frame) -> None:
        for window in self._windows:
            window.see(frame)
        self.done = frame.time_s >= self._windows[-1].span.end_s

    def result(self) -> tuple[WindowFrames, ...]:
        return tuple(window.result() for window in self._windows)


class _WindowSampler:
    """Sees what is shown in its window, the frame that is on display when it begins included."""

    def __init__(self, span: Span, expected: int) -> None:
        self.span = span
        self._numbers = frame_numbers(expected)
        self._collected: set[int] = set()
        self._frame_count = 0
        self._before: Frame | None = None
        self._stores = PictureStore(_IN_MEMORY_BYTES), PictureStore(_IN_MEMORY_BYTES)

    def see(self, frame: Frame) -> None:
        if frame.time_s <= self.span.start_s:
            self._before = frame
            return
        self._take_first()
        if frame.time_s < self.span.end_s:
            self._take(frame)

    def result(self) -> WindowFrames:
        self._take_first()
        numbers = tuple(self._numbers) if self._collected == set(self._numbers) else tuple(sorted(self._collected))
        return WindowFrames(*self._stores, numbers, self._frame_count)

    def _take_first(self) -> None:
        if self._before is not None:
            first, self._before = self._before, None
            self._take(first)

    def _take(self, frame: Frame) -> None:
        number, self._frame_count = self._frame_count, self._frame_count + 1
        if number not in self._numbers:
            return
        self._collected.add(number)
        picture = frame.rgb(UNSCALED)
        onsets, clip = self._stores
        onsets.append(onset_picture(picture).contiguous().numpy().view(np.uint8))
        clip.append(clip_picture(picture))
