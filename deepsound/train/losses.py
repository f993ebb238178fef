"""Training losses and metrics of the separator, SI-SDR among them; [B, channels, samples]."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class PaperLossSettings:
    """Windows, transform and hop in samples of eq. 5's second part; the defaults are the published ones."""

    windows: tuple[int, ...] = (4096, 2048, 1024, 512, 256)
    n_fft: int = 2048
    hop: int = 147
    normalised: bool = False
    weight: float = 1.0


def paper_loss(
    estimate: Tensor, target: Tensor, settings: PaperLossSettings = PaperLossSettings()
) -> tuple[Tensor, Tensor, Tensor]:
    """DeepSound-V1's eq. 5: (loss, L1 of the waveforms, L1 of complex spectra summed over windows before its weight).

    Waveforms are [..., samples], of one shape. Means run over batch, stems, channels, bins and frames together, as in
    the original's BS-RoFormer (`bs_roformer.py`, Music-Source-Separation-Training).
    """
    waveform = (estimate - target).abs().mean()
    spectral = torch.zeros((), device=estimate.device)
    for window in settings.windows:
        difference = _complex_spectrum(estimate, window, settings) - _complex_spectrum(target, window, settings)
        spectral = spectral + difference.abs().mean()
    return waveform + settings.weight * spectral, waveform, spectral


def _complex_spectrum(signal: Tensor, window: int, settings: PaperLossSettings) -> Tensor:
    """Complex [signals, bins, frames]; short windows are zero-padded to the transform."""
    return torch.stft(
        signal.reshape(-1, signal.shape[-1]),
        max(window, settings.n_fft),
        settings.hop,
        win_length=window,
        window=torch.hann_window(window, device=signal.device),
        normalized=settings.normalised,
        return_complex=True,
    )
