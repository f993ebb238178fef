"""Samples a video that follows a sound, or a video and a sound that follow each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from deepsound.errors import EngineError
from deepsound.generate.aligned_video.components import AlignedVideoWeights
from deepsound.generate.aligned_video.request import AlignedVideoRequest
from deepsound.generate.aligner import animatediff, audioldm
from deepsound.generate.aligner.animatediff import VideoFormat
from deepsound.generate.aligner.components import AlignedComponents, AlignedStage
from deepsound.generate.aligner.imagebind import embed_sound, embed_text
from deepsound.generate.aligner.losses import AUDIO, AUDIO_TO_VIDEO, TEXT, TRIANGLE
from deepsound.generate.aligner.sampling import Alignment, Sampler, sample
from deepsound.generate.aligner.windows import frame_pairs, window_count
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

Prompts = tuple[Tensor, Tensor]


def generate_video(
    weights: AlignedVideoWeights,
    components: AlignedComponents,
    picture: VideoFormat,
    audio: Audio | None,
    request: AlignedVideoRequest,
    progress: Progress,
) -> tuple[Tensor, Audio, dict[str, float]]:
    """Images [frames, height, width, 3], the sound, and the distances before the last update (none without any)."""
    constants = _constants(weights, components, picture, audio, request)
    progress.update(0.05)
    video_prompts, audio_prompts = _prompts(weights, components, request)
    progress.update(0.1)
    with components.stage(progress) as stage:
        samplers = _samplers(stage, weights, picture, request, video_prompts, audio_prompts)
        pairs = AUDIO_TO_VIDEO if audio is not None else TRIANGLE
        alignment = Alignment(constants, pairs, request.guide)
        latents, history = sample(samplers, alignment, request.steps, progress.part(0.1, 0.9))
        _require_finite(latents)
        sound = _cut(audio, picture) if audio is not None else _sound(stage, latents[1], picture)
        images = _images(stage, latents[0], picture, progress.part(0.9, 1.0))
    return images, sound, history[-1] if history else {}


def _constants(
    weights: AlignedVideoWeights,
    components: AlignedComponents,
    picture: VideoFormat,
    audio: Audio | None,
    request: AlignedVideoRequest,
) -> dict[str, Tensor]:
    """ImageBind's embeddings of the words and of a given sound: computed once, and their towers released."""
    with components.stage(Progress()) as stage:
        constants = {TEXT: embed_text(stage, request.prompt, weights.table)}
    if audio is None:
        return constants
    with components.stage(Progress()) as stage:
        heard = _at_16k(_cut(audio, picture)).to(stage.device)
        return {**constants, AUDIO: embed_sound(stage, heard, window_count(picture.duration_s))}


def _prompts(
    weights: AlignedVideoWeights, components: AlignedComponents, request: AlignedVideoRequest
) -> tuple[Prompts, Prompts | None]:
    """The prompts' embeddings for each base model: what is wanted, and what is not."""
    texts = (request.prompt, request.negative_prompt)
    with components.stage(Progress()) as stage:
        wanted, unwanted = (animatediff.encode_prompt(stage, text, weights.table) for text in texts)
    if weights.audioldm is None:
        return (wanted, unwanted), None
    with components.stage(Progress()) as stage:
        tokenizer = weights.audioldm.tokenizer()
        heard, unheard = (audioldm.encode_prompt(stage, tokenizer, text) for text in texts)
    return (wanted, unwanted), (heard, unheard)


def _samplers(
    stage: AlignedStage,
    weights: AlignedVideoWeights,
    picture: VideoFormat,
    request: AlignedVideoRequest,
    video_prompts: Prompts,
    audio_prompts: Prompts | None,
) -> list[Sampler]:
    count = window_count(picture.duration_s)
    pairs = frame_pairs(picture.frames, picture.fps, count)
    noise = animatediff.draw_latents(picture, request.seed, stage.device)
    video = animatediff.sampler(stage, noise, video_prompts, request.video_cfg, pairs, request.video_rates)
    if weights.audioldm is None or audio_prompts is None:
        return [video]
    seconds = math.ceil(picture.duration_s)
    sound = audioldm.sampler(
        stage,
        weights.audioldm,
        audioldm.draw_latents(weights.audioldm, seconds, request.seed, stage.device),
        audio_prompts,
        request.audio_cfg,
        count,
        seconds * audioldm.SAMPLE_RATE,
        request.audio_rates,
    )
    return [video, sound]


def _sound(stage: AlignedStage, latents: Tensor, picture: VideoFormat) -> Audio:
    waveform = audioldm.decode(stage, latents, round(picture.duration_s * audioldm.SAMPLE_RATE))
    return Audio(waveform.cpu().float().clamp(-1, 1).contiguous(), audioldm.SAMPLE_RATE)


def _images(stage: AlignedStage, latents: Tensor, picture: VideoFormat, progress: Progress) -> Tensor:
    frames = progress.track(animatediff.decode(stage, latents, range(picture.frames)), picture.frames)
    return torch.cat([frame.permute(0, 2, 3, 1).cpu() for frame in frames])


def _cut(audio: Audio, picture: VideoFormat) -> Audio:
    samples = round(picture.duration_s * audio.sample_rate)
    return Audio(audio.waveform[:, :samples].contiguous(), audio.sample_rate, audio.layout)


def _at_16k(audio: Audio) -> Tensor:
    """The mean of the channels [1, samples] at 16 kHz."""
    from deepsound.media.audio import resample

    mono = Audio(audio.waveform.mean(dim=0, keepdim=True), audio.sample_rate)
    return resample(mono, audioldm.SAMPLE_RATE).waveform


def _require_finite(latents: Sequence[Tensor]) -> None:
    if not all(bool(each.isfinite().all()) for each in latents):
        raise EngineError(
            "The sampling left the range of its precision (NaN or infinite latents); use precision fp32 or bf16, a "
            "smaller rate, or a smaller cfg."
        )
