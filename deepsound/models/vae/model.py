"""MMAudio's mel VAE: log-mel spectrograms to latents at half their frame rate, and back.

Original: hkchengrex/MMAudio, `ext/autoencoder/vae.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from deepsound.models.vae.config import VAE_16K, VaeConfig
from deepsound.models.vae.layers import Downsample1D, MiddleBlock, ResnetBlock1D, Upsample1D, conv, mp_silu

_LOG_VARIANCE_RANGE = (-30.0, 20.0)


@dataclass(frozen=True)
class DiagonalGaussianDistribution:
    """A Gaussian for every latent number; both [B, latent_channels, T]."""

    mean: Tensor
    log_variance: Tensor

    @property
    def std(self) -> Tensor:
        return (0.5 * self.log_variance).exp()


class ResolutionLevel(nn.Module):
    """Residual blocks at one resolution, each clamped, and what changes the resolution after them."""

    def __init__(self, widths: Sequence[int], clamp: float) -> None:
        super().__init__()
        self.clamp = clamp
        self.block = nn.ModuleList(ResnetBlock1D(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x).clamp(-self.clamp, self.clamp)
        for resample in ("downsample", "upsample"):
            if hasattr(self, resample):
                x = getattr(self, resample)(x)
        return x


class Encoder1D(nn.Module):
    """Normalised log-mel [B, n_mels, T] to moments [B, 2 latent_channels, T // 2]: means, then log-variances."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.clamp = config.clamp
        channels = config.level_channels
        self.conv_in = conv(config.n_mels, config.base_channels, 3)
        self.down = nn.ModuleList()
        for index, (before, width) in enumerate(pairwise((config.base_channels, *channels))):
            level = ResolutionLevel([before, *[width] * config.blocks_per_level], config.clamp)
            if index in config.halved_after:
                level.downsample = Downsample1D(width)
            self.down.append(level)
        self.mid = MiddleBlock(channels[-1])
        self.conv_out = conv(channels[-1], 2 * config.latent_channels, 3)
        self.learnable_gain = nn.Parameter(torch.zeros(()))

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv_in(mel)
        for level in self.down:
            x = level(x)
        x = self.mid(x).clamp(-self.clamp, self.clamp)
        return self.conv_out(mp_silu(x)) * (self.learnable_gain + 1.0)


class Decoder1D(nn.Module):
    """Latents [B, latent_channels, T] to normalised log-mel [B, n_mels, 2 T]; its levels run from last to first."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.clamp = config.clamp
        channels = config.level_channels
        self.conv_in = conv(config.latent_channels, channels[-1], 3)
        self.mid = MiddleBlock(channels[-1])
        self.up = nn.ModuleList()
        for index, (width, before) in enumerate(zip(channels, (*channels[1:], channels[-1]), strict=True)):
            level = ResolutionLevel([before, *[width] * (config.blocks_per_level + 1)], config.clamp)
            if index - 1 in config.halved_after:
                level.upsample = Upsample1D(width)
            self.up.append(level)
        self.conv_out = conv(config.base_channels * config.multipliers[0], config.n_mels, 3)
        self.learnable_gain = nn.Parameter(torch.zeros(()))

    def forward(self, latents: Tensor) -> Tensor:
        x = self.mid(self.conv_in(latents)).clamp(-self.clamp, self.clamp)
        for level in reversed(self.up):
            x = level(x)
        return self.conv_out(mp_silu(x)) * (self.learnable_gain + 1.0)


class MelVae(nn.Module):
    """Autoencoder of log-mel spectrograms; it expects weights that went through `weights.normalise_weights`.

    Generation only decodes: `with_encoder=False` leaves the encoder out, as `weights.without_encoder` does its weights.
    """

    data_mean: Tensor
    data_std: Tensor

    def __init__(self, config: VaeConfig = VAE_16K, *, with_encoder: bool = True) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("data_mean", torch.zeros(1, config.n_mels, 1))
        self.register_buffer("data_std", torch.ones(1, config.n_mels, 1))
        if with_encoder:
            self.encoder = Encoder1D(config)
        self.decoder = Decoder1D(config)

    def decode(self, latents: Tensor) -> Tensor:
        """Log-mel [B, n_mels, 2 T] of `latents` [B, latent_channels, T]."""
        return self.decoder(latents) * self.data_std + self.data_mean

    def encode(self, mel: Tensor) -> DiagonalGaussianDistribution:
        """Distribution of the latents [B, latent_channels, T // 2] of `mel` [B, n_mels, T], a log-mel spectrogram."""
        mean, log_variance = self.encoder(self.normalise(mel)).chunk(2, dim=1)
        return DiagonalGaussianDistribution(mean, log_variance.clamp(*_LOG_VARIANCE_RANGE))

    def normalise(self, mel: Tensor) -> Tensor:
        """`mel` [B, n_mels, T] with the mean and deviation of the training data taken out of every bin."""
        return (mel - self.data_mean) / self.data_std
