"""Flow-matching sampling with classifier-free guidance, then VAE and vocoder decoding."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from deepsound.generate.mmaudio.compilation import compiled_field
from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.generate.mmaudio.conditions import ConditionFeatures, prepare_conditions
from deepsound.generate.mmaudio.cuda_graph import with_cuda_graph
from deepsound.generate.mmaudio.known_latents import KnownLatents
from deepsound.generate.mmaudio.request import MMAudioRequest
from deepsound.media.audio import fit_length
from deepsound.models.bigvgan.chunks import FRAMES_AT_ONCE, decode
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance, euler, initial_noise
from deepsound.models.mmaudio.inpainting import inpaint
from deepsound.models.mmaudio.lengths import LatentRate
from deepsound.models.mmaudio.masking import latent_mask
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

# Mel frames that the vocoder decodes at a time: two seconds on a CPU, some twenty elsewhere.
_FRAMES_AT_ONCE = {"cpu": FRAMES_AT_ONCE}
_FRAMES_ON_A_DEVICE = 2048


def sample_latents(
    stage: MMAudioStage,
    features: ConditionFeatures,
    rate: LatentRate,
    request: MMAudioRequest,
    progress: Progress,
    held: KnownLatents | None = None,
) -> list[Tensor]:
    """Latents [1, latent_dim, length], as the autoencoder takes them, for each seed asked for.

    With `held` only its spans are sampled anew, and the latents outside stay at the known ones.
    """
    network = stage.flow()
    conditions, empty_conditions = prepare_conditions(stage, features, rate, request.avoid)
    guided = classifier_free_guidance(network, conditions, empty_conditions, request.guidance)
    field = with_cuda_graph(compiled_field(guided, stage, progress), stage.device)
    shape = (1, conditions.latents, network.config.latent_dim)
    latents = []
    for number, seed in enumerate(request.seeds):
        part = progress.part(number / len(request.seeds), (number + 1) / len(request.seeds))
        noise = initial_noise(shape, seed, stage.dtype, stage.device)
        report = partial(_report_step, part, request.steps)
        if held is None:
            state = euler(field, noise, request.steps, report)
        else:
            known = network.normalise(held.latents.to(stage.device, stage.dtype).transpose(1, 2))
            anew = latent_mask(held.stretches, conditions.latents, rate.sample_rate / rate.samples(1))
            state = inpaint(field, noise, known, anew, request.steps, report)
        latents.append(network.unnormalise(state).transpose(1, 2))
        part.update(1.0)
    return latents


def _report_step(progress: Progress, steps: int, step: int, state: Tensor) -> None:
    progress.update(step / steps)


def decode_spectrograms(stage: MMAudioStage, latents: list[Tensor], progress: Progress) -> list[Tensor]:
    """Log-mel spectrograms [1, mel bins, frames] of latents."""
    autoencoder = stage.autoencoder()
    return [autoencoder.decode(item) for item in progress.track(latents, len(latents))]


def vocode(
    stage: MMAudioStage,
    spectrograms: list[Tensor],
    duration_s: float,
    rate: LatentRate,
    progress: Progress,
) -> list[Audio]:
    """Mono sounds of exactly `duration_s`; the last latent reaches past it, by up to 23 ms at 44.1 kHz."""
    vocoder, samples = stage.vocoder(), round(duration_s * rate.sample_rate)
    at_once = _FRAMES_AT_ONCE.get(stage.device.type, _FRAMES_ON_A_DEVICE)
    sounds = []
    for number, mel in enumerate(spectrograms):
        part = progress.part(number / len(spectrograms), (number + 1) / len(spectrograms))
        waveform = decode(vocoder, mel, at_once, partial(_report_frames, part))
        sounds.append(fit_length(Audio(waveform[0].float().cpu(), rate.sample_rate), samples))
    return sounds


def _report_frames(progress: Progress, done: int, frames: int) -> None:
    progress.update(done / frames)
