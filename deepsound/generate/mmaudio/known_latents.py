"""Known latents for audio inpainting: cached by content, else encoded by the VAE."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from deepsound.generate.mmaudio.components import MMAudioComponents, MMAudioStage
from deepsound.media.audio import fit_length, resample, to_mono
from deepsound.models.mel import MEL_16K, MEL_44K, MelSpectrogram
from deepsound.models.mmaudio.lengths import LATENTS_16K, LatentRate
from deepsound.models.mmaudio.masking import TimeRange
from deepsound.runtime.digests import digest_of
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Span


@dataclass(frozen=True, eq=False)
class KnownLatents:
    """`latents` [1, latent_dim, length] as the autoencoder takes them; outside `stretches` the sound stays at them."""

    latents: Tensor
    stretches: tuple[TimeRange, ...]


def cache_latents(components: MMAudioComponents, audio: Audio, latents: Tensor) -> None:
    """Keep the latents a sound was decoded from, so that regenerating a span of it encodes nothing."""
    feature_cache().get(_key(components, audio, latents.shape[-1]), lambda: latents)


def encode_known_latents(
    components: MMAudioComponents, audio: Audio, spans: Sequence[Span], usable_s: float, progress: Progress
) -> KnownLatents:
    """The latents of `audio`, any sound of the clip, for `usable_s` seconds; new ones are made within `spans`.

    Raises EngineError where they have to be encoded and the autoencoder's file holds no encoder.
    """
    sound, length = _resample_mono(audio, components.rate), components.rate.latents(usable_s)
    with components.stage(progress) as stage:
        latents = feature_cache().get(
            _key(components, sound, length), lambda: _encode(stage, sound, components.rate, length)
        )
    return KnownLatents(latents, tuple((span.start_s, span.end_s) for span in spans))


def _key(components: MMAudioComponents, audio: Audio, length: int) -> Hashable:
    content = digest_of(audio.numpy().tobytes())
    return (components.key("autoencoder"), components.device.type, "latents", length, audio.sample_rate, content)


def _resample_mono(audio: Audio, rate: LatentRate) -> Audio:
    return resample(to_mono(audio), rate.sample_rate)


def _encode(stage: MMAudioStage, audio: Audio, rate: LatentRate, length: int) -> Tensor:
    network = stage.encoder()
    spectrogram = MelSpectrogram(MEL_16K if rate == LATENTS_16K else MEL_44K).to(stage.device)
    waveform = fit_length(audio, rate.samples(length)).waveform.to(stage.device)
    latents = network.encode(spectrogram(waveform).to(stage.dtype)).mean
    return F.pad(latents, (0, length - latents.shape[-1]))
