"""Log-mel spectrogram front end of MMAudio's autoencoders.

Slaney's mel scale (linear below 1 kHz, logarithmic above) with area-normalised triangles; the magnitude's square root
and the final clamp have floors of their own, so silence is a constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POWER_FLOOR = 1e-9
MEL_FLOOR = 1e-5

_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27.0


@dataclass(frozen=True)
class MelConfig:
    """Frame and window lengths in samples, frequencies in Hz; the window is as long as the transform."""

    sample_rate: int = 16000
    n_fft: int = 1024
    hop: int = 256
    n_mels: int = 80
    f_min: float = 0.0
    f_max: float = 8000.0
    log: Literal["log10", "natural"] = "log10"


MEL_16K = MelConfig()
MEL_44K = MelConfig(sample_rate=44100, n_fft=2048, hop=512, n_mels=128, f_max=22050.0, log="natural")


class MelSpectrogram(nn.Module):
    """Log-mel spectrogram without any weights of its own; build it on a real device, not on `meta`."""

    mel_basis: Tensor
    window: Tensor

    def __init__(self, config: MelConfig = MEL_16K) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mel_basis", mel_basis(config), persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft, periodic=True), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Log-mel [B, n_mels, samples // hop] of `waveform` [B, samples] in [-1, 1]; what is beyond is clipped.

        Raises ValueError for fewer samples than the reflected edges and one frame need.
        """
        mel = (self.mel_basis @ self.magnitude(waveform)).clamp(min=MEL_FLOOR)
        return mel.log10() if self.config.log == "log10" else mel.log()

    def magnitude(self, waveform: Tensor) -> Tensor:
        """Magnitude spectrogram [B, n_fft // 2 + 1, samples // hop] of `waveform` [B, samples]."""
        config = self.config
        edge = (config.n_fft - config.hop) // 2
        shortest = max(edge + 1, config.hop)
        if waveform.shape[-1] < shortest:
            raise ValueError(
                f"A waveform of {waveform.shape[-1]} samples is too short for a mel spectrogram with a "
                f"window of {config.n_fft} samples; give at least {shortest}."
            )
        padded = F.pad(waveform.clamp(-1.0, 1.0), (edge, edge), mode="reflect")
        spectrum = torch.stft(padded, config.n_fft, config.hop, window=self.window, center=False, return_complex=True)
        return (torch.view_as_real(spectrum).square().sum(-1) + POWER_FLOOR).sqrt()


def mel_basis(config: MelConfig) -> Tensor:
    """Triangles [n_mels, n_fft // 2 + 1], float32: their peaks evenly spaced in mel, their areas in Hz equal."""
    bins_hz = torch.linspace(0.0, config.sample_rate / 2, config.n_fft // 2 + 1, dtype=torch.float64)
    low_mel, high_mel = (float(_hz_to_mel(hz)) for hz in (config.f_min, config.f_max))
    corners_hz = _mel_to_hz(torch.linspace(low_mel, high_mel, config.n_mels + 2, dtype=torch.float64))
    left, peak, right = (corners_hz[start : start + config.n_mels, None] for start in range(3))
    rising = (bins_hz - left) / (peak - left)
    falling = (right - bins_hz) / (right - peak)
    triangles = torch.minimum(rising, falling).clamp(min=0.0)
    return (triangles * (2.0 / (right - left))).float()


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return _BREAK_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: Tensor) -> Tensor:
    logarithmic = _BREAK_HZ * torch.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return torch.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)
