"""Encodes prompt and frames into FoleyCrafter's conditions; encoder outputs are cached."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.foleycrafter.components import FoleyCrafterComponents, FoleyCrafterStage
from deepsound.generate.foleycrafter.frame_sampling import WindowFrames, sample_frames
from deepsound.generate.foleycrafter.preprocess import clip_values, onset_values
from deepsound.generate.foleycrafter.request import FRAMES, FoleyCrafterRequest
from deepsound.generate.foleycrafter.windows import windows
from deepsound.media.scene import Scene
from deepsound.models.foleycrafter.timing import COLUMNS, time_condition
from deepsound.runtime.feature_cache import features
from deepsound.runtime.progress import Progress

# A processor gains nothing by more than a few; as published, all at once.
_PICTURES_AT_ONCE = {"cpu": 4}
_PICTURES_ON_A_DEVICE = 50


@dataclass(frozen=True, eq=False)
class WindowConditions:
    """For one window: `timing` [1024] of +1 and -1, and the mean image embedding `image` [1, width]."""

    timing: Tensor
    image: Tensor


@dataclass(frozen=True, eq=False)
class FoleyCrafterConditions:
    """Everything the sampling is led by, on the CPU; texts are [1, tokens, width]."""

    text: Tensor
    negative_text: Tensor
    windows: tuple[WindowConditions, ...]


def encode_conditions(
    components: FoleyCrafterComponents, scene: Scene, request: FoleyCrafterRequest, progress: Progress
) -> FoleyCrafterConditions:
    """What is said and seen, encoded; the encoders are in memory one after the other."""
    window_frames = sample_frames(scene, request.duration_s, progress.part(0.0, 0.2))
    spans = windows(request.duration_s)
    with components.stage(progress) as stage:
        tokenizer = components.checkpoint.tokenizer()
        text, negative_text = (_text(stage, tokenizer, words) for words in (request.prompt, request.negative_prompt))
    with components.stage(progress) as stage:
        part = progress.part(0.2, 0.8)
        images = [
            _image(stage, frames, request.settings.clip_frames, _part_of(part, number, len(window_frames)))
            for number, frames in enumerate(window_frames)
        ]
    with components.stage(progress) as stage:
        part = progress.part(0.8, 1.0)
        timings = [
            time_condition(_onsets(stage, frames), span.duration_s)[:COLUMNS]
            for frames, span in part.track(zip(window_frames, spans, strict=True), len(window_frames))
        ]
    return FoleyCrafterConditions(text, negative_text, tuple(map(WindowConditions, timings, images)))


def clip_rows(frames: int) -> list[int]:
    """Which of the 150 frames CLIP sees when it is to see so many: of 15, every tenth."""
    return [number * FRAMES // frames for number in range(frames)]


def _text(stage: FoleyCrafterStage, tokenizer: Any, words: str) -> Tensor:
    ids = tokenizer(
        words, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
    return _from_cache(
        stage,
        "text_encoder",
        tuple(ids.flatten().tolist()),
        lambda: stage.text_encoder()(input_ids=ids.to(stage.device))[0],
    )


def _image(stage: FoleyCrafterStage, frames: WindowFrames, count: int, progress: Progress) -> Tensor:
    stored = frames.rows
    rows = [stored[row] for row in clip_rows(count)]
    distinct = list(dict.fromkeys(rows))
    at_once = _PICTURES_AT_ONCE.get(stage.device.type, _PICTURES_ON_A_DEVICE)

    def encode() -> Tensor:
        starts = range(0, len(distinct), at_once)
        embeddings = torch.cat(
            [_embed(stage, frames, distinct[begin : begin + at_once]) for begin in progress.track(starts, len(starts))]
        )
        return embeddings[[distinct.index(row) for row in rows]].mean(dim=0, keepdim=True)

    return _from_cache(stage, "image_encoder", frames.clip_digest(rows), encode)


def _embed(stage: FoleyCrafterStage, frames: WindowFrames, rows: list[int]) -> Tensor:
    pictures = torch.stack([frames.for_clip(row) for row in rows])
    embeddings: Tensor = stage.image_encoder()(clip_values(pictures).to(stage.device, stage.dtype)).image_embeds
    return embeddings


def _onsets(stage: FoleyCrafterStage, frames: WindowFrames) -> Tensor:
    """The probability of an onset at each of the 150 frames."""

    def detect() -> Tensor:
        video = onset_values(frames.for_onsets()).transpose(0, 1).unsqueeze(0)
        return stage.onsets()(video.to(stage.device))[0].sigmoid()

    return _from_cache(stage, "onsets", frames.onset_digest(), detect)


def _from_cache(stage: FoleyCrafterStage, role: str, content: Hashable, encode: Callable[[], Tensor]) -> Tensor:
    return features().get((stage.components.key(role), stage.device.type, content), encode)


def _part_of(progress: Progress, number: int, count: int) -> Progress:
    return progress.part(number / count, (number + 1) / count)
