"""MMAudio's flow-matching loss with condition dropping (hkchengrex/MMAudio, `runner.py`).

The paper's eq. 2 writes a plain regression; what MMAudio is trained on is the velocity between noise and latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepsound.models.mmaudio.lengths import SequenceLengths

if TYPE_CHECKING:
    from deepsound.models.mmaudio.model import MMAudio


@dataclass(frozen=True)
class FlowMatchingSettings:
    """The published settings: times are logit-normal, a condition is dropped with `drop_probability`."""

    min_sigma: float = 0.0
    time_mean: float = 0.0
    time_scale: float = 1.0
    drop_probability: float = 0.1


@dataclass(frozen=True)
class FlowBatch:
    """B items as extraction leaves them.

    `mean` and `std` [B, latents, latent_dim] of the autoencoder, not normalised; `clip` [B, tokens, clip_dim], `sync`
    [B, features, sync_dim], `text` [B, tokens, text_dim]; `has_video` and `has_text` [B] are false where there is none.
    """

    mean: Tensor
    std: Tensor
    clip: Tensor
    sync: Tensor
    text: Tensor
    has_video: Tensor
    has_text: Tensor

    @property
    def lengths(self) -> SequenceLengths:
        return SequenceLengths(self.mean.shape[1], self.clip.shape[1], self.sync.shape[1])


@dataclass(frozen=True)
class FlowDraws:
    """The random numbers of one step: `latent_noise` and `start` like `mean`, `time` [B], two uniforms [B]."""

    latent_noise: Tensor
    time: Tensor
    start: Tensor
    drop_video: Tensor
    drop_text: Tensor


def draw(batch: FlowBatch, generator: torch.Generator, settings: FlowMatchingSettings) -> FlowDraws:
    """The draws of one step, in the published order from one generator on the generator's device."""
    size, items = batch.mean.shape, (len(batch.mean),)

    def normal(shape: tuple[int, ...] | torch.Size) -> Tensor:
        return torch.randn(shape, generator=generator, device=generator.device).to(batch.mean)

    latent_noise = normal(size)
    time = torch.sigmoid(normal(items) * settings.time_scale + settings.time_mean)
    start = normal(size)
    drop_video, drop_text = (
        torch.rand(items, generator=generator, device=generator.device).to(batch.mean) for _ in range(2)
    )
    return FlowDraws(latent_noise, time, start, drop_video, drop_text)


def normalised_latents(network: MMAudio, batch: FlowBatch, draws: FlowDraws) -> Tensor:
    """A sample of the autoencoder's latents in the space the flow runs in, [B, latents, latent_dim]."""
    return network.normalise(batch.mean + batch.std * draws.latent_noise)


def flow_matching_loss(
    network: MMAudio, batch: FlowBatch, draws: FlowDraws, settings: FlowMatchingSettings = FlowMatchingSettings()
) -> Tensor:
    """Mean squared error of the velocity per item, [B]; what is minimised is the mean over items.

    What is missing, then what is dropped, becomes the learned empty features, so that these learn too.
    """
    latents = normalised_latents(network, batch, draws)
    at = draws.time[:, None, None]
    noisy = (1 - (1 - settings.min_sigma) * at) * draws.start + at * latents
    keep_video = batch.has_video.bool() & (draws.drop_video >= settings.drop_probability)
    keep_text = batch.has_text.bool() & (draws.drop_text >= settings.drop_probability)
    conditions = network.preprocess_conditions(
        batch.lengths,
        clip=_drop_conditions(batch.clip, keep_video, network.empty_clip_feat),
        sync=_drop_conditions(batch.sync, keep_video, network.empty_sync_feat),
        text=_drop_conditions(batch.text, keep_text, network.empty_string_feat),
        batch=len(batch.mean),
    )
    velocity = network(noisy, draws.time, conditions)
    target = latents - (1 - settings.min_sigma) * draws.start
    return (velocity - target).square().mean(dim=(1, 2))


def _drop_conditions(features: Tensor, keep: Tensor, empty: Tensor) -> Tensor:
    return torch.where(keep[:, None, None], features, empty.to(features.dtype))
