"""Decodes latents to mel spectrograms (VAE) and these to waveforms (HiFi-GAN vocoder)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from deepsound.errors import EngineError
from deepsound.generate.foleycrafter.checkpoint import HOP
from deepsound.generate.foleycrafter.components import FoleyCrafterStage
from deepsound.generate.foleycrafter.windows import crossfade, windows
from deepsound.models.foleycrafter.spectrogram import denormalise
from deepsound.models.foleycrafter.timing import COLUMNS
from deepsound.models.foleycrafter.vocoder import sixteen_bit
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

SAMPLE_RATE = 16000
_FULL_SCALE = 32768


def decode_spectrograms(
    stage: FoleyCrafterStage, latents: list[list[Tensor]], progress: Progress
) -> list[list[Tensor]]:
    """Natural-log mel spectrograms [1, 256, 1024] of latents. Raises EngineError for latents that are not finite."""
    autoencoder = stage.autoencoder()
    scale = autoencoder.config.scaling_factor
    decoded: list[list[Tensor]] = []
    for take in progress.track(latents, len(latents)):
        decoded.append([])
        for window in take:
            progress.check()
            _require_finite(window)
            decoded[-1].append(_decode_spectrogram(autoencoder, window / scale))
    return decoded


def vocode(
    stage: FoleyCrafterStage, spectrograms: list[list[Tensor]], duration_s: float, progress: Progress
) -> list[Audio]:
    """Mono sounds of exactly `duration_s`, of whole 16-bit numbers as published."""
    vocoder, spans = stage.vocoder(), windows(duration_s)
    samples = round(duration_s * SAMPLE_RATE)
    sounds = []
    for take in progress.track(spectrograms, len(spectrograms)):
        decoded = []
        for mel, span in zip(take, spans, strict=True):
            waveform = sixteen_bit(vocoder(mel)[0]).cpu().float() / _FULL_SCALE
            decoded.append(waveform[:, : min(COLUMNS * HOP, round(span.duration_s * SAMPLE_RATE))])
        sounds.append(Audio(crossfade(decoded, spans, samples, SAMPLE_RATE), SAMPLE_RATE))
    return sounds


def _require_finite(latent: Tensor) -> None:
    # As 16-bit samples nothing would show it any more.
    if not bool(latent.isfinite().all()):
        raise EngineError(
            "FoleyCrafter's sampling left the range of its precision (NaN or infinite latents); use "
            "precision fp32 or bf16, or a smaller cfg."
        )


def _decode_spectrogram(autoencoder: Any, latent: Tensor) -> Tensor:
    picture: Tensor = autoencoder.decode(latent.float(), return_dict=False)[0]
    return denormalise((picture[0] / 2 + 0.5).clamp(0, 1)).unsqueeze(0)
