"""Samples sounds by AudioLDM, aligned with pictures and words after each step."""

from __future__ import annotations

import math

from torch import Tensor

from deepsound.errors import EngineError
from deepsound.generate.aligner import audioldm
from deepsound.generate.aligner.components import AlignedComponents, AlignedStage
from deepsound.generate.aligner.imagebind import embed_constant_pictures, embed_text
from deepsound.generate.aligner.losses import TEXT, VIDEO, VIDEO_TO_AUDIO
from deepsound.generate.aligner.sampling import Alignment, sample
from deepsound.generate.aligner.windows import window_count
from deepsound.generate.seeing_hearing.components import SeeingHearingWeights
from deepsound.generate.seeing_hearing.frame_sampling import WindowEdges
from deepsound.generate.seeing_hearing.request import SeeingHearingRequest
from deepsound.media.scene import Scene
from deepsound.runtime.progress import Progress
from deepsound.types import Audio


def generate_sounds(
    weights: SeeingHearingWeights,
    components: AlignedComponents,
    scene: Scene,
    request: SeeingHearingRequest,
    prompt: str,
    progress: Progress,
) -> tuple[list[Audio], dict[str, float]]:
    """The sound of each seed, and the last one's distances before its last update (none without any)."""
    constants: dict[str, Tensor] = {}
    if any(request.settings.rates):
        constants = _constants(weights, components, scene, request, prompt, progress.part(0.0, 0.1))
    with components.stage(progress) as stage:
        tokenizer = weights.audioldm.tokenizer()
        prompts = tuple(audioldm.encode_prompt(stage, tokenizer, text) for text in (prompt, request.negative_prompt))
    sounds: list[Audio] = []
    distances: dict[str, float] = {}
    with components.stage(progress) as stage:
        for number, seed in enumerate(request.seeds):
            share = 0.9 / len(request.seeds)
            part = progress.part(0.1 + number * share, 0.1 + (number + 1) * share)
            latents, distances = _sample(stage, weights, constants, request, (prompts[0], prompts[1]), seed, part)
            sounds.append(_sound(stage, latents, request))
    return sounds, distances


def _constants(
    weights: SeeingHearingWeights,
    components: AlignedComponents,
    scene: Scene,
    request: SeeingHearingRequest,
    prompt: str,
    progress: Progress,
) -> dict[str, Tensor]:
    """ImageBind's embeddings of picture and words: computed once, and their towers released."""
    whole = request.duration_s >= scene.duration_s
    seen = scene.view(WindowEdges(math.inf if whole else request.duration_s), progress.part(0.0, 0.4))
    with components.stage(progress) as stage:
        video = embed_constant_pictures(stage, seen.pictures, seen.pairs)
    progress.update(0.8)
    with components.stage(progress) as stage:
        return {VIDEO: video, TEXT: embed_text(stage, prompt, weights.table)}


def _sample(
    stage: AlignedStage,
    weights: SeeingHearingWeights,
    constants: dict[str, Tensor],
    request: SeeingHearingRequest,
    prompts: tuple[Tensor, Tensor],
    seed: int,
    progress: Progress,
) -> tuple[Tensor, dict[str, float]]:
    sampler = audioldm.sampler(
        stage,
        weights.audioldm,
        audioldm.draw_latents(weights.audioldm, request.generated_s, seed, stage.device),
        prompts,
        request.guidance,
        window_count(request.generated_s),
        request.generated_s * audioldm.SAMPLE_RATE,
        request.settings.rates,
    )
    alignment = Alignment(constants, VIDEO_TO_AUDIO, request.settings.guide)
    (latents,), history = sample([sampler], alignment, request.steps, progress)
    return latents, history[-1] if history else {}


def _sound(stage: AlignedStage, latents: Tensor, request: SeeingHearingRequest) -> Audio:
    if not bool(latents.isfinite().all()):
        raise EngineError(
            "The sampling of seeing_hearing left the range of its precision (NaN or infinite latents); use precision "
            "fp32, a smaller rate, or a smaller cfg."
        )
    waveform = audioldm.decode(stage, latents, round(request.duration_s * audioldm.SAMPLE_RATE))
    return Audio(waveform.cpu().float().clamp(-1, 1).contiguous(), audioldm.SAMPLE_RATE)
