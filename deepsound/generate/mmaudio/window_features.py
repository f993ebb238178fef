"""Encoder outputs for the windows of a long sound, in shared chunks of eight seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.mmaudio import encoders
from deepsound.generate.mmaudio.components import MMAudioComponents, MMAudioStage
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
    """What is seen of a scene: frames at 8 and 25 a second, and the times in seconds at which a new scene begins.

    `clip` is None where CLIP looks at nothing.
    """

    clip: TickedFrames | None
    sync: TickedFrames
    cuts_s: tuple[float, ...]


def cuts_view() -> SceneCuts:
    """Scene cuts of clips long enough for the default windows; shorter ones are not looked through."""
    return SceneCuts(above_s=WindowPlan().longest_single_s)


def sample_scene(scene: Scene, duration_s: float, steered: bool, progress: Progress) -> SceneFrames:
    """One decoding pass for all; where a text steers the sync features, CLIP looks at nothing."""
    until_s = math.inf if duration_s >= scene.duration_s else duration_s
    clip_ticks, sync_ticks = clip_view(until_s, hold_last=True), sync_view(until_s, hold_last=True, squeezed=steered)
    default = cuts_view()
    is_default = until_s == math.inf and scene.duration_s > default.above_s
    cuts = default if is_default else SceneCuts(until_s=until_s)
    scene.expect(*(() if steered else (clip_ticks,)), sync_ticks, cuts)
    clip = None if steered else scene.view(clip_ticks, progress)
    return SceneFrames(clip, scene.view(sync_ticks, progress), tuple(scene.view(cuts, progress)))


class WindowFeatures:
    """Encoded pictures and texts for each window; `encode` fills the store, the rest reads from it."""

    def __init__(self, sections: Sequence[Section], seen: SceneFrames | None, store: TensorStore) -> None:
        self._sections = sections
        self._frames = seen
        self._store = store
        self._has_clip = False
        self._has_sync = False
        self._steering: dict[str, Tensor | None] = {}

    def encode(
        self, components: MMAudioComponents, visual: VisualCondition, negative_prompt: str, progress: Progress
    ) -> None:
        """Fill the store; CLIP and Synchformer are in memory one after the other."""
        texts = dict.fromkeys(window.text for section in self._sections for window in section.windows)
        with components.stage(progress) as stage:
            for text in (*texts, negative_prompt):
                self._store.get(("text", text), lambda text=text: encoders.text_features(stage, text))  # type: ignore[misc]
            if components.is_steered:
                self._steering = {text: encoders.steering(stage, text) for text in texts}
            frames = None if self._frames is None or visual.masked else self._frames.clip
            if frames is not None:
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
            with components.stage(progress) as stage:
                self._encode_sync(stage, self._frames.sync, progress.part(0.6, 1.0))
            self._has_sync = True

    def _encode_sync(self, stage: MMAudioStage, frames: TickedFrames, progress: Progress) -> None:
        """Each chunk of segments, once for each text that steers a window in it."""
        quietly = Progress(check=progress.check)
        keys = [key for key in self._sync_keys() if self._store.load(key) is None]
        for key in progress.track(keys, len(keys)):
            first, last = key[1], key[2]
            states = self._steering.get(key[3]) if len(key) > 3 else None
            self._store.get(
                key,
                lambda first=first, last=last, states=states: encoders.sync_features(  # type: ignore[misc]
                    stage, frames.between(first, last), quietly, states
                ),
            )

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
            return self._load(self._sync_key(_ticks_of(window.sync[0], count), window.text))
        parts = []
        for ticks, first, until in self._section_chunks(section):
            if first < begin + count and until > begin:
                chunk = self._load(self._sync_key(ticks, window.text))
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

    def _sync_key(self, ticks: tuple[int, int], text: str) -> tuple[Any, ...]:
        """The store's key of a chunk of segments; a text that steers them is part of it."""
        return ("sync", *ticks, text) if self._steering else ("sync", *ticks)

    def _sync_keys(self) -> list[tuple[Any, ...]]:
        """The keys of all chunks that windows need; those of one chunk with different texts one after the other."""
        found: dict[tuple[int, int], dict[str, None]] = {}
        for section in self._sections:
            for window in section.windows:
                for ticks in self._chunks_of(section, window):
                    found.setdefault(ticks, {})[window.text] = None
        return list(dict.fromkeys(self._sync_key(ticks, text) for ticks, texts in found.items() for text in texts))

    def _chunks_of(self, section: Section, window: ConditionWindow) -> list[tuple[int, int]]:
        count = window.lengths.sync // FEATURES_PER_SEGMENT
        if not self._on_grid(section, window):
            return [_ticks_of(window.sync[0], count)]
        begin = (window.sync[0] - section.first_tick) // FRAMES_BETWEEN_SEGMENTS
        return [
            ticks for ticks, first, until in self._section_chunks(section) if first < begin + count and until > begin
        ]

    def _section_chunks(self, section: Section) -> Iterator[tuple[tuple[int, int], int, int]]:
        """Ranges of frames of 25 segments each, and the section's numbers of the first segment and past the last."""
        origin = section.first_tick
        ends = [
            (window.sync[0] - origin) // FRAMES_BETWEEN_SEGMENTS + window.lengths.sync // FEATURES_PER_SEGMENT
            for window in section.windows
            if self._on_grid(section, window)
        ]
        last = max(ends, default=0)
        for first in range(0, last, _SYNC_CHUNK):
            start = origin + first * FRAMES_BETWEEN_SEGMENTS
            until = min(first + _SYNC_CHUNK, last)
            yield _ticks_of(start, until - first), first, until

    def _on_grid(self, section: Section, window: ConditionWindow) -> bool:
        beyond = window.sync[0] - section.first_tick
        return beyond >= 0 and beyond % FRAMES_BETWEEN_SEGMENTS == 0


def _ticks_of(start: int, segments: int) -> tuple[int, int]:
    return start, start + (segments - 1) * FRAMES_BETWEEN_SEGMENTS + FRAMES_PER_SEGMENT
