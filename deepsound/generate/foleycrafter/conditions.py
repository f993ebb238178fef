"""Encodes prompt and frames into FoleyCrafter's conditions; encoder outputs are cached."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.foleycrafter.avoidance import rows_outside, visible_columns, within_window, without_onsets
from deepsound.generate.foleycrafter.components import FoleyCrafterComponents, FoleyCrafterStage
from deepsound.generate.foleycrafter.frame_sampling import WindowFrames, sample_frames
from deepsound.generate.foleycrafter.preprocess import clip_values, onset_values
from deepsound.generate.foleycrafter.request import FRAMES, FoleyCrafterRequest
from deepsound.generate.foleycrafter.windows import windows
from deepsound.media.scene import Scene
from deepsound.models.foleycrafter.timing import COLUMNS, time_condition
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress

# A CPU gains nothing by more than a few; as published, all at once.
_PICTURES_AT_ONCE = {"cpu": 4}
_PICTURES_ON_A_DEVICE = 50


@dataclass(frozen=True, eq=False)
class WindowConditions:
    """For one window: `timing` [1024] of +1 and -1, and the mean image embedding `image` [1, width].

    `seen` [1024] is 1 where the picture leads and 0 where it is hidden, by the columns of the sound; None: all is seen.
    """

    timing: Tensor
    image: Tensor
    seen: Tensor | None = None


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
    hidden = [within_window(request.avoid, span) for span in spans]
    shown = [
        rows_outside(clip_rows(request.settings.clip_frames), avoided, span.duration_s)
        for avoided, span in zip(hidden, spans, strict=True)
    ]
    with components.stage(progress) as stage:
        part = progress.part(0.2, 0.8)
        images = [
            _image(stage, frames, rows, _part_of(part, number, len(window_frames)))
            for number, (frames, rows) in enumerate(zip(window_frames, shown, strict=True))
        ]
    with components.stage(progress) as stage:
        part = progress.part(0.8, 1.0)
        timings = [
            without_onsets(time_condition(_onsets(stage, frames), span.duration_s)[:COLUMNS], avoided)
            for frames, span, avoided in part.track(zip(window_frames, spans, hidden, strict=True), len(window_frames))
        ]
    leading = map(visible_columns, hidden)
    return FoleyCrafterConditions(text, negative_text, tuple(map(WindowConditions, timings, images, leading)))


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


def _image(stage: FoleyCrafterStage, frames: WindowFrames, shown: Sequence[int], progress: Progress) -> Tensor:
    """The mean embedding of the frames `shown`; zeros, as for what is unwanted, where none is."""
    stored = frames.rows
    rows = [stored[row] for row in shown]
    if not rows:
        return torch.zeros(1, stage.image_encoder().config.projection_dim)
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
    return feature_cache().get((stage.components.key(role), stage.device.type, content), encode)


def _part_of(progress: Progress, number: int, count: int) -> Progress:
    return progress.part(number / count, (number + 1) / count)
