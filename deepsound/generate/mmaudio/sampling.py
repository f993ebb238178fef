"""From conditions to latents, and from latents to samples."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor

from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.generate.mmaudio.conditions import Features, conditions_of
from deepsound.generate.mmaudio.cuda_graph import stepped
from deepsound.generate.mmaudio.request import Checked
from deepsound.models.bigvgan.chunks import FRAMES_AT_ONCE, decode
from deepsound.models.mmaudio.lengths import LatentRate
from deepsound.models.mmaudio.sampler import euler, guided, initial_noise
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

# Mel frames that the vocoder decodes at a time: two seconds on a processor, some twenty elsewhere.
_FRAMES_AT_ONCE = {"cpu": FRAMES_AT_ONCE}
_FRAMES_ON_A_DEVICE = 2048


def latents_of(
    stage: MMAudioStage,
    features: Features,
    rate: LatentRate,
    asked: Checked,
    progress: Progress,
) -> list[Tensor]:
    """Latents [1, latent_dim, length], as the autoencoder takes them, for each seed asked for."""
    network = stage.flow()
    wanted, unwanted = conditions_of(stage, features, rate)
    field = stepped(guided(network, wanted, unwanted, asked.guidance), stage.device)
    shape = (1, wanted.latents, network.config.latent_dim)
    made = []
    for number, seed in enumerate(asked.seeds):
        part = progress.part(number / len(asked.seeds), (number + 1) / len(asked.seeds))
        noise = initial_noise(shape, seed, stage.dtype, stage.device)
        state = euler(field, noise, asked.steps, partial(_report_sampled, part, asked.steps))
        made.append(network.unnormalise(state).transpose(1, 2))
        part.update(1.0)
    return made


def _report_sampled(progress: Progress, steps: int, step: int, state: Tensor) -> None:
    progress.update(step / steps)


def spectrograms_of(stage: MMAudioStage, latents: list[Tensor], progress: Progress) -> list[Tensor]:
    """Log-mel spectrograms [1, mel bins, frames] of latents."""
    autoencoder = stage.autoencoder()
    return [autoencoder.decode(item) for item in progress.track(latents, len(latents))]


def sounds_of(
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
        waveform = decode(vocoder, mel, at_once, partial(_report_decoded, part))
        sounds.append(Audio(_fitted(waveform[0].float().cpu(), samples).contiguous(), rate.sample_rate))
    return sounds


def _report_decoded(progress: Progress, done: int, frames: int) -> None:
    progress.update(done / frames)


def _fitted(waveform: Tensor, samples: int) -> Tensor:
    """[1, samples]: cut, or where the picture ran out before the clip did, ended with silence."""
    return F.pad(waveform[:, :samples], (0, max(0, samples - waveform.shape[1])))
