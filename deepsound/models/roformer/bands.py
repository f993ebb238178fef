"""Band split and mask estimation of the RoFormer separators."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

from deepsound.models.mel import MelConfig, mel_basis
from deepsound.models.roformer.config import MelBandRoformerConfig
from deepsound.models.roformer.layers import RMSNorm


class BandSplit(nn.Module):
    """Bands of `widths` features each, normalised and brought to a common `dim`, with or without their levels."""

    def __init__(self, dim: int, widths: Sequence[int], with_levels: bool) -> None:
        super().__init__()
        self.widths = list(widths)
        self.with_levels = with_levels
        self.to_features = nn.ModuleList(
            nn.Sequential(RMSNorm(width), nn.Linear(width + with_levels, dim)) for width in widths
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, frames, sum of widths] -> [B, frames, bands, dim], in the dtype of the weights."""
        parts = features.split(self.widths, dim=-1)
        levels = relative_levels(parts) if self.with_levels else (None,) * len(parts)
        bands = []
        for band, part, level in zip(self.to_features, parts, levels, strict=True):
            norm, linear = cast(tuple[RMSNorm, nn.Linear], tuple(cast(nn.Sequential, band)))
            # Before they are normalised, loud bins exceed what float16 can hold.
            normed = norm(part) if level is None else torch.cat((norm(part), level), dim=-1)
            bands.append(linear(normed.to(linear.weight.dtype)))
        return torch.stack(bands, dim=2)


def relative_levels(parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Each band's power against the whole sound's, per bin, in bels, [B, frames, 1]; 6 bels under it at the least."""
    whole = sum(part.square().mean(dim=(1, 2), keepdim=True) for part in parts) / len(parts) + 1e-20
    return tuple(torch.log10(part.square().mean(dim=-1, keepdim=True) / whole + 1e-6) for part in parts)


class MaskEstimator(nn.Module):
    """One stem's mask: per band an MLP with `hidden_layers` tanh layers and a gate at its end."""

    def __init__(self, dim: int, widths: Sequence[int], hidden_layers: int, expansion: int) -> None:
        super().__init__()
        self.to_freqs = nn.ModuleList(
            nn.Sequential(_mlp(dim, expansion * dim, 2 * width, hidden_layers), nn.GLU(dim=-1)) for width in widths
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, frames, bands, dim] -> [B, frames, sum of widths]."""
        bands = zip(self.to_freqs, tokens.unbind(2), strict=True)
        return torch.cat([to_mask(band) for to_mask, band in bands], dim=-1)


def _mlp(dim: int, inner: int, out: int, hidden_layers: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(hidden_layers):
        layers += [nn.Linear(dim, inner), nn.Tanh()]
        dim = inner
    return nn.Sequential(*layers, nn.Linear(dim, out))


class MelBands:
    """Which bins each mel band gathers, as places on the host; bands overlap, and every bin is in at least one."""

    def __init__(self, config: MelBandRoformerConfig) -> None:
        mel = MelConfig(
            sample_rate=config.sample_rate,
            n_fft=config.stft_n_fft,
            n_mels=config.num_bands,
            f_max=config.sample_rate / 2,
        )
        with torch.device("cpu"):
            belongs = mel_basis(mel) > 0
        # Triangles are empty at their feet, so that nobody would own the first and the last bin.
        belongs[0, 0] = belongs[-1, -1] = True
        if not bool(belongs.any(dim=0).all()):
            raise ValueError(f"{config.num_bands} mel bands leave bins of {config.stft_n_fft} samples uncovered")
        self.freqs_per_band: list[int] = belongs.sum(dim=1).tolist()
        self.bands_per_freq: Tensor = belongs.sum(dim=0)
        self.bins: Tensor = belongs.nonzero()[:, 1]


@lru_cache(maxsize=8)
def mel_bands(config: MelBandRoformerConfig) -> MelBands:
    """The overlapping mel bands of a Mel-Band RoFormer; cached, as they follow from the configuration alone."""
    return MelBands(config)


def average_overlaps(masks: Tensor, bands: MelBands) -> Tensor:
    """Masks [B, frames, gathered bins, ...] averaged where bands overlap, [B, frames, bins, ...]."""
    out = masks.new_zeros(*masks.shape[:2], len(bands.bands_per_freq), *masks.shape[3:])
    out.index_add_(2, bands.bins.to(masks.device), masks)
    counts = bands.bands_per_freq.to(masks.device, masks.dtype)
    return out / counts.view(-1, *(1,) * (masks.dim() - 3))
