"""Encodes video, image and prompts into the conditions of MMAudio's flow network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from deepsound.generate.mmaudio import encoders
from deepsound.generate.mmaudio.components import MMAudioComponents, MMAudioStage
from deepsound.generate.mmaudio.frame_sampling import TickedFrames, clip_view, sync_view, usable_duration_s
from deepsound.generate.mmaudio.request import MMAudioRequest
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.scene import Scene
from deepsound.models.mmaudio.conditions import PreprocessedConditions
from deepsound.models.mmaudio.lengths import LatentRate, clip_frames, sequence_lengths, sync_frames
from deepsound.models.mmaudio.masking import condition_mask
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.preprocess import clip_picture
from deepsound.runtime.progress import Progress
from deepsound.types import Span


@dataclass(frozen=True, eq=False)
class ConditionFeatures:
    """Encoded pictures and words, [1, length, width] each, on the CPU; None where nothing is seen.

    `usable_s` is how long a sound they can lead, which decides all lengths.
    """

    clip: Tensor | None
    sync: Tensor | None
    text: Tensor
    negative_text: Tensor
    usable_s: float


def encode_conditions(
    components: MMAudioComponents, visual: VisualCondition, request: MMAudioRequest, progress: Progress
) -> ConditionFeatures:
    """Everything the flow network is led by; CLIP and Synchformer are in memory one after the other."""
    clip_ticks, sync_ticks = None, None
    usable_s = request.duration_s
    if visual.scene is not None:
        clip_ticks, sync_ticks = _sample_frames(
            visual.scene, request.duration_s, components.is_steered, progress.part(0.0, 0.2)
        )
        seen = None if clip_ticks is None else len(clip_ticks.rows)
        usable_s = usable_duration_s(request.duration_s, seen, len(sync_ticks.rows))
    with components.stage(progress) as stage:
        visual_features = _visual_features(stage, visual, clip_ticks, usable_s, progress.part(0.2, 0.7))
        texts = {text: encoders.text_features(stage, text) for text in (request.prompt, request.negative_prompt)}
        states = encoders.steering(stage, request.prompt)
    sync = None
    if sync_ticks is not None:
        with components.stage(progress) as stage:
            frames = sync_ticks.first(sync_frames(usable_s))
            sync = encoders.sync_features(stage, frames, progress.part(0.7, 1.0), states)
    return ConditionFeatures(visual_features, sync, texts[request.prompt], texts[request.negative_prompt], usable_s)


def prepare_conditions(
    stage: MMAudioStage, features: ConditionFeatures, rate: LatentRate, avoid: Sequence[Span] = ()
) -> tuple[PreprocessedConditions, PreprocessedConditions]:
    """Wanted and unwanted conditions for one sound; the unwanted are the empty ones with the negative prompt's text.

    What sees or drives a span of `avoid` is replaced by the learned empty features.
    """
    network: MMAudio = stage.flow()
    lengths = sequence_lengths(features.usable_s, rate)

    def to_device(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(stage.device, stage.dtype)

    masked = condition_mask([(span.start_s, span.end_s) for span in avoid], lengths, features.usable_s)
    conditions = network.preprocess_conditions(
        lengths,
        to_device(features.clip),
        to_device(features.sync),
        to_device(features.text),
        masked=masked if avoid else None,
    )
    return conditions, network.preprocess_conditions(lengths, text=to_device(features.negative_text))


def _sample_frames(
    scene: Scene, duration_s: float, steered: bool, progress: Progress
) -> tuple[TickedFrames | None, TickedFrames]:
    """The frames of CLIP and Synchformer; where a text steers the sync features, CLIP looks at nothing."""
    until_s = math.inf if duration_s >= scene.duration_s else duration_s
    clip_ticks, sync_ticks = clip_view(until_s, hold_last=True), sync_view(until_s, hold_last=True, squeezed=steered)
    scene.expect(*(() if steered else (clip_ticks,)), sync_ticks)
    return None if steered else scene.view(clip_ticks, progress), scene.view(sync_ticks, progress)


def _visual_features(
    stage: MMAudioStage,
    visual: VisualCondition,
    ticks: TickedFrames | None,
    usable_s: float,
    progress: Progress,
) -> Tensor | None:
    if visual.masked:
        return None
    if ticks is not None:
        return encoders.clip_features(stage, ticks.first(clip_frames(usable_s)), progress)
    if visual.still is not None:
        return encoders.still_features(stage, clip_picture(visual.still)).expand(-1, clip_frames(usable_s), -1)
    return None
