"""From what is seen and said to the features that lead the flow network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from deepsound.generate.mmaudio import encoders
from deepsound.generate.mmaudio.components import MMAudioComponents, MMAudioStage
from deepsound.generate.mmaudio.frame_sampling import TickedFrames, clip_view, sync_view, usable_duration_s
from deepsound.generate.mmaudio.request import Checked
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.scene import Scene
from deepsound.models.mmaudio.conditions import Conditions
from deepsound.models.mmaudio.lengths import LatentRate, clip_frames, sequence_lengths, sync_frames
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.preprocess import clip_picture
from deepsound.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class Features:
    """Encoded pictures and words, [1, length, width] each, on the CPU; None where nothing is seen.

    `usable_s` is how long a sound they can lead, which decides all lengths.
    """

    clip: Tensor | None
    sync: Tensor | None
    text: Tensor
    negative_text: Tensor
    usable_s: float


def features_of(components: MMAudioComponents, visual: VisualCondition, asked: Checked, progress: Progress) -> Features:
    """Everything the flow network is led by; CLIP and Synchformer are in memory one after the other."""
    clip_ticks, sync_ticks = None, None
    usable_s = asked.duration_s
    if visual.scene is not None:
        clip_ticks, sync_ticks = _look(visual.scene, asked.duration_s, progress.part(0.0, 0.2))
        usable_s = usable_duration_s(asked.duration_s, len(clip_ticks.rows), len(sync_ticks.rows))
    with components.stage(progress) as stage:
        seen = _seen(stage, visual, clip_ticks, usable_s, progress.part(0.2, 0.7))
        texts = {text: encoders.text_features(stage, text) for text in (asked.prompt, asked.negative_prompt)}
    sync = None
    if sync_ticks is not None:
        with components.stage(progress) as stage:
            sync = encoders.sync_features(stage, sync_ticks.first(sync_frames(usable_s)), progress.part(0.7, 1.0))
    return Features(seen, sync, texts[asked.prompt], texts[asked.negative_prompt], usable_s)


def conditions_of(stage: MMAudioStage, features: Features, rate: LatentRate) -> tuple[Conditions, Conditions]:
    """Wanted and unwanted conditions for one sound; the unwanted are the empty ones with the negative prompt's text."""
    network: MMAudio = stage.flow()
    lengths = sequence_lengths(features.usable_s, rate)

    def here(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(stage.device, stage.dtype)

    wanted = network.conditions(lengths, here(features.clip), here(features.sync), here(features.text))
    return wanted, network.conditions(lengths, text=here(features.negative_text))


def _look(scene: Scene, duration_s: float, progress: Progress) -> tuple[TickedFrames, TickedFrames]:
    until_s = math.inf if duration_s >= scene.duration_s else duration_s
    clip_ticks, sync_ticks = clip_view(until_s, hold_last=True), sync_view(until_s, hold_last=True)
    scene.expect(clip_ticks, sync_ticks)
    return scene.view(clip_ticks, progress), scene.view(sync_ticks, progress)


def _seen(
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
