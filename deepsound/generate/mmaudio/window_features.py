"""Encoder outputs for the windows of a long sound, in shared chunks of eight seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.generate.mmaudio import encoders
from deepsound.generate.mmaudio.components import MMAudioComponents
from deepsound.generate.mmaudio.frame_sampling import TickedFrames, clip_view, sync_view
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.generate.mmaudio.window_plan import ConditionWindow, Section
from deepsound.media.scene import Scene
from deepsound.media.scene_cuts import SceneCuts
from deepsound.media.windows import WindowPlan
from deepsound.models.mmaudio.lengths import FEATURES_PER_SEGMENT, FRAMES_BETWEEN_SEGMENTS, FRAMES_PER_SEGMENT
from deepsound.models.synchformer.preprocess import clip_picture
from deepsound.runtime.progress import Progress
from deepsound.runtime.spill import TensorStore

# Frames at 8 a second, and segments, of a chunk: eight seconds of either.
_CLIP_CHUNK = 64
_SYNC_CHUNK = 25


@dataclass(frozen=True, eq=False)
class SceneFrames:
    """What is seen of a scene: frames at 8 and 25 a second, and the times in seconds at which a new scene begins."""

    clip: TickedFrames
    sync: TickedFrames
    cuts_s: tuple[float, ...]


def cuts_view() -> SceneCuts:
    """Scene cuts of clips long enough for the default windows; shorter ones are not looked through."""
    return SceneCuts(above_s=WindowPlan().longest_single_s)


def sample_scene(scene: Scene, duration_s: float, progress: Progress) -> SceneFrames:
    """One decoding pass for all three."""
    until_s = math.inf if duration_s >= scene.duration_s else duration_s
    clip_ticks, sync_ticks = clip_view(until_s, hold_last=True), sync_view(until_s, hold_last=True)
    default = cuts_view()
    is_default = until_s == math.inf and scene.duration_s > default.above_s
    cuts = default if is_default else SceneCuts(until_s=until_s)
    scene.expect(clip_ticks, sync_ticks, cuts)
    return SceneFrames(
        scene.view(clip_ticks, progress), scene.view(sync_ticks, progress), tuple(scene.view(cuts, progress))
    )


class WindowFeatures:
    """Encoded pictures and texts for each window; `encode` fills the store, the rest reads from it."""

    def __init__(self, sections: Sequence[Section], seen: SceneFrames | None, store: TensorStore) -> None:
        self._sections = sections
        self._frames = seen
        self._store = store
        self._has_clip = False
        self._has_sync = False

    def encode(
        self, components: MMAudioComponents, visual: VisualCondition, negative_prompt: str, progress: Progress
    ) -> None:
        """Fill the store; CLIP and Synchformer are in memory one after the other."""
        texts = dict.fromkeys(window.text for section in self._sections for window in section.windows)
        with components.stage(progress) as stage:
            for text in (*texts, negative_prompt):
                self._store.get(("text", text), lambda text=text: encoders.text_features(stage, text))  # type: ignore[misc]
            if self._frames is not None and not visual.masked:
                frames = self._frames.clip
                self._encode_chunks(
                    self._clip_chunks(),
                    progress.part(0.0, 0.6),
                    lambda ticks: encoders.clip_features(stage, frames.between(*ticks), Progress(check=progress.check)),
                )
                self._has_clip = True
            elif visual.still is not None and not visual.masked:
                picture = clip_picture(visual.still)
                self._store.get(("still",), lambda: encoders.still_features(stage, picture))
        if self._frames is not None:
            sync = self._frames.sync
            with components.stage(progress) as stage:
                self._encode_chunks(
                    self._sync_chunks(),
                    progress.part(0.6, 1.0),
                    lambda ticks: encoders.sync_features(stage, sync.between(*ticks), Progress(check=progress.check)),
                )
            self._has_sync = True

    def text(self, text: str) -> Tensor:
        """[1, tokens, width] of a prompt."""
        return self._load(("text", text))

    def clip(self, window: ConditionWindow) -> Tensor | None:
        """[1, frames, width] of a window's pictures; None where nothing is seen."""
        begin, end = window.clip
        if not self._has_clip:
            still = self._store.load(("still",))
            return None if still is None else still["tensor"].expand(-1, end - begin, -1)
        parts = []
        for first in range(begin // _CLIP_CHUNK * _CLIP_CHUNK, end, _CLIP_CHUNK):
            chunk = self._load(("clip", first, min(first + _CLIP_CHUNK, self._clip_end())))
            parts.append(chunk[:, max(begin - first, 0) : end - first])
        return torch.cat(parts, dim=1)

    def sync(self, section: Section, window: ConditionWindow) -> Tensor | None:
        """[1, 8 per segment, width] of a window's segments; None where nothing moves."""
        if not self._has_sync:
            return None
        begin = (window.sync[0] - section.first_tick) // FRAMES_BETWEEN_SEGMENTS
        count = window.lengths.sync // FEATURES_PER_SEGMENT
        if not self._on_grid(section, window):
            return self._load(("sync", *_ticks_of(window.sync[0], count)))
        parts = []
        for ticks, first in self._section_chunks(section):
            until = (ticks[1] - ticks[0] - FRAMES_PER_SEGMENT) // FRAMES_BETWEEN_SEGMENTS + 1 + first
            if first < begin + count and until > begin:
                chunk = self._load(("sync", *ticks))
                low, high = max(begin - first, 0), begin + count - first
                parts.append(chunk[:, low * FEATURES_PER_SEGMENT : high * FEATURES_PER_SEGMENT])
        return torch.cat(parts, dim=1)

    def _encode_chunks(
        self,
        chunks: list[tuple[str, tuple[int, int]]],
        progress: Progress,
        encode: Callable[[tuple[int, int]], Tensor],
    ) -> None:
        for kind, ticks in progress.track(chunks, len(chunks)):
            self._store.get((kind, *ticks), lambda ticks=ticks: encode(ticks))  # type: ignore[misc]

    def _load(self, key: tuple[object, ...]) -> Tensor:
        found = self._store.load(key)
        if found is None:
            raise RuntimeError(f"the features {key} are not in the store")
        return found["tensor"]

    def _clip_end(self) -> int:
        return max(window.clip[1] for section in self._sections for window in section.windows)

    def _clip_chunks(self) -> list[tuple[str, tuple[int, int]]]:
        end = self._clip_end()
        return [("clip", (first, min(first + _CLIP_CHUNK, end))) for first in range(0, end, _CLIP_CHUNK)]

    def _sync_chunks(self) -> list[tuple[str, tuple[int, int]]]:
        found: dict[tuple[int, int], None] = {}
        for section in self._sections:
            found |= {ticks: None for ticks, _ in self._section_chunks(section)}
            for window in section.windows:
                if not self._on_grid(section, window):
                    found[_ticks_of(window.sync[0], window.lengths.sync // FEATURES_PER_SEGMENT)] = None
        return [("sync", ticks) for ticks in found]

    def _section_chunks(self, section: Section) -> Iterator[tuple[tuple[int, int], int]]:
        """Ranges of frames that hold 25 segments each, and the number of the first of these in the section."""
        origin = section.first_tick
        ends = [
            (window.sync[0] - origin) // FRAMES_BETWEEN_SEGMENTS + window.lengths.sync // FEATURES_PER_SEGMENT
            for window in section.windows
            if self._on_grid(section, window)
        ]
        last = max(ends, default=0)
        for first in range(0, last, _SYNC_CHUNK):
            start = origin + first * FRAMES_BETWEEN_SEGMENTS
            yield _ticks_of(start, min(_SYNC_CHUNK, last - first)), first

    def _on_grid(self, section: Section, window: ConditionWindow) -> bool:
        beyond = window.sync[0] - section.first_tick
        return beyond >= 0 and beyond % FRAMES_BETWEEN_SEGMENTS == 0


def _ticks_of(start: int, segments: int) -> tuple[int, int]:
    return start, start + (segments - 1) * FRAMES_BETWEEN_SEGMENTS + FRAMES_PER_SEGMENT
