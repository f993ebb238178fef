"""CLIP and Synchformer features of a clip and its prompts, in batches, cached by content."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import torch
from torch import Tensor

from deepsound.generate.clip_tokenizer import tokenizer
from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.generate.mmaudio.deduplication import distinct_pictures, distinct_segments
from deepsound.generate.mmaudio.frame_sampling import TickedFrames
from deepsound.generate.mmaudio.steered_sync import segment_video, steered_features, steering_states
from deepsound.models.synchformer.preprocess import clip_values
from deepsound.runtime.digests import digest_of
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress

# As published: so many frames, and so many segments, at once. A CPU gains nothing by more than a few.
_PICTURES_AT_ONCE = {"cpu": 4}
_SEGMENTS_AT_ONCE = {"cpu": 2}
_PUBLISHED_AT_ONCE = 40


def clip_features(stage: MMAudioStage, frames: TickedFrames, progress: Progress) -> Tensor:
    """CLIP's features [1, ticks, width] of the pictures at each tick; pictures that are equal are encoded once."""

    def encode() -> Tensor:
        at_once = _PICTURES_AT_ONCE.get(stage.device.type, _PUBLISHED_AT_ONCE)
        pictures = distinct_pictures(frames)
        parts = [
            _encode_pictures(stage, frames.take(pictures.places[begin : begin + at_once])).cpu()
            for begin in _batch_starts(len(pictures.places), at_once, progress)
        ]
        return torch.cat(parts)[[pictures.rows[row] for row in frames.rows]].unsqueeze(0)

    return _from_cache(stage, "clip", ("pictures", frames.digest()), encode)


def still_features(stage: MMAudioStage, picture: Tensor) -> Tensor:
    """CLIP's feature [1, 1, width] of one picture, uint8 [3, 384, 384]."""
    content = digest_of(picture.numpy().tobytes())
    return _from_cache(stage, "clip", ("picture", content), lambda: _encode_pictures(stage, picture[None]).unsqueeze(0))


def steering(stage: MMAudioStage, text: str) -> Tensor | None:
    """What steers the sync features of a prompt, states [1, tokens, width]; None for a variant that nothing steers."""
    return steering_states(stage, text) if stage.components.is_steered else None


def sync_features(
    stage: MMAudioStage, frames: TickedFrames, progress: Progress, states: Tensor | None = None
) -> Tensor:
    """Synchformer's features [1, 8 per segment, width] of the pictures at each tick, steered by a text's `states`.

    Segments that are equal in all of their pictures are encoded once.
    """
    if states is not None:
        return steered_features(stage, frames, states, progress)
    return _from_cache(
        stage,
        "synchformer",
        ("segments", frames.digest()),
        lambda: _encode_segments(stage, frames, progress),
    )


def text_features(stage: MMAudioStage, text: str) -> Tensor:
    """CLIP's features [1, tokens, width] of every token of a text, padding included."""
    ids = tokenizer(stage.components.byte_pairs)([text])
    return _from_cache(
        stage, "clip", ("text", *ids.flatten().tolist()), lambda: stage.clip().encode_text(ids.to(stage.device))
    )


def _from_cache(stage: MMAudioStage, role: str, content: tuple[Hashable, ...], encode: Callable[[], Tensor]) -> Tensor:
    return feature_cache().get((stage.components.key(role), stage.device.type, *content), encode)


def _encode_pictures(stage: MMAudioStage, pictures: Tensor) -> Tensor:
    return stage.clip().encode_image(clip_values(pictures.to(stage.device)).to(stage.dtype))


def _encode_segments(stage: MMAudioStage, frames: TickedFrames, progress: Progress) -> Tensor:
    network = stage.synchformer()
    config = network.config
    segments = distinct_segments(frames, config, config.segments(len(frames.rows)))
    runs = list(segments.runs(_SEGMENTS_AT_ONCE.get(stage.device.type, _PUBLISHED_AT_ONCE)))
    parts = [
        network(segment_video(stage, frames, config, run)).cpu().unflatten(1, (-1, config.time_steps))
        for run in progress.track(runs, len(runs))
    ]
    return torch.cat(parts, dim=1)[:, list(segments.rows)].flatten(1, 2)


def _batch_starts(count: int, at_once: int, progress: Progress) -> Iterator[int]:
    starts = range(0, count, at_once)
    return progress.track(starts, len(starts))
