"""What the separator is trained on and measured by. Waveforms are [B, channels, samples]."""

from __future__ import annotations

import torch
from torch import Tensor

_WINDOWS = (2048, 512)
# Errors 30 dB under the mix are good enough: what matters is where there is more.
_GOOD_ENOUGH = 1e-3


def separation_loss(voice: Tensor, target: Tensor, mix: Tensor) -> Tensor:
    """The error's level under the mix in bels, and how far the spectra of voice and background are off."""
    error, loudness = (voice - target).square().mean((1, 2)), mix.square().mean((1, 2)) + 1e-10
    level = torch.log10(error / loudness + _GOOD_ENOUGH)
    return (level + spectral_distance(voice, target, mix)).mean()


def spectral_distance(voice: Tensor, target: Tensor, mix: Tensor) -> Tensor:
    """Mean distance of magnitudes, both stems, against the mix's mean magnitude, at two resolutions, [B]."""
    total = torch.zeros(len(mix), device=mix.device)
    for window in _WINDOWS:
        got, wanted, whole = (spectrum(signal, window) for signal in (voice, target, mix))
        voices = (magnitude(got) - magnitude(wanted)).abs().mean((1, 2))
        backgrounds = (magnitude(whole - got) - magnitude(whole - wanted)).abs().mean((1, 2))
        total = total + (voices + backgrounds) / (magnitude(whole).mean((1, 2)) + 1e-6)
    return total / len(_WINDOWS)


def spectrum(signal: Tensor, window: int) -> Tensor:
    """[B * channels, bins, frames, 2]."""
    return torch.view_as_real(
        torch.stft(signal.flatten(0, 1), window, window // 2, window=torch.hann_window(window), return_complex=True)
    )


def magnitude(spectrum: Tensor) -> Tensor:
    """[B * channels, bins, frames], smooth at zero."""
    return (spectrum.square().sum(-1) + 1e-10).sqrt()


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB (arXiv 1811.02508) of [..., samples], [...]."""
    scale = (estimate * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True).clamp_min(1e-12)
    wanted = scale * target
    noise = (estimate - wanted).square().sum(-1).clamp_min(1e-12)
    return 10 * torch.log10(wanted.square().sum(-1).clamp_min(1e-12) / noise)
