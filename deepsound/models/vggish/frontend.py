"""VGGish's log-mel front end: waveform to examples of 0.96 s.

Computed in float64, as the original does with numpy: magnitudes and not powers, HTK's mel scale with triangles that are
straight in mel, and no part of the constant component.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from deepsound.models.vggish.config import VGGISH_MEL, VggishMelConfig

_BREAK_HZ = 700.0
_MELS_PER_NEPER = 1127.0


def examples(waveform: Tensor, config: VggishMelConfig = VGGISH_MEL) -> Tensor:
    """Log-mel examples float32 [examples, frames, n_mels] of a waveform [samples] at the configured rate.

    A remainder shorter than one example is dropped. Raises ValueError for less than one example.
    """
    if len(waveform) < config.shortest:
        raise ValueError(
            f"VGGish needs at least {config.shortest} samples at {config.sample_rate} Hz, not {len(waveform)}"
        )
    frames = waveform.double().unfold(0, config.window, config.hop)
    window = torch.hann_window(config.window, periodic=True, dtype=torch.float64, device=waveform.device)
    magnitudes = torch.fft.rfft(frames * window, config.n_fft).abs()  # [frames, n_fft / 2 + 1]
    log_mel = (magnitudes @ mel_triangles(config).to(waveform.device) + config.log_offset).log()
    return log_mel.unfold(0, config.example_frames, config.example_hop).mT.float()


def mel_triangles(config: VggishMelConfig = VGGISH_MEL) -> Tensor:
    """Weights float64 [n_fft / 2 + 1, n_mels] of each frequency in each mel band."""
    bins = _mel(torch.linspace(0.0, config.sample_rate / 2, config.n_fft // 2 + 1, dtype=torch.float64))
    low, high = (_MELS_PER_NEPER * math.log1p(hz / _BREAK_HZ) for hz in (config.f_min, config.f_max))
    corners = torch.linspace(low, high, config.n_mels + 2, dtype=torch.float64)
    left, peak, right = (corners[start : start + config.n_mels] for start in range(3))
    rising = (bins[:, None] - left) / (peak - left)
    falling = (right - bins[:, None]) / (right - peak)
    weights = torch.minimum(rising, falling).clamp(min=0.0)
    weights[0] = 0.0
    return weights


def _mel(hz: Tensor) -> Tensor:
    return _MELS_PER_NEPER * torch.log1p(hz / _BREAK_HZ)
