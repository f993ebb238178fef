"""A small convolutional network that detects whispered speech and estimates it by band."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

SAMPLE_RATE = 16_000
WINDOW, HOP = 512, 256
BINS, BANDS, UNITS = WINDOW // 2 + 1, 40, 96
DILATIONS = (2, 4, 8, 16, 1, 2, 4, 8, 16)
# At the level of LEVEL_RMS this is 50 dB under the mean power of a bin.
LEVEL_RMS, LEAST_RMS, FAINTEST = 0.03, 1e-5, 2e-6


def band_edges(bands: int = BANDS) -> list[int]:
    """The first bin of each band and the end of the last; equal steps of ERB rate (Glasberg and Moore 1990)."""
    last = 21.4 * math.log10(1 + 0.00437 * SAMPLE_RATE / 2)
    hz = [(10 ** (last * band / bands / 21.4) - 1) / 0.00437 for band in range(bands + 1)]
    edges = [0]
    for at in hz[1:]:
        edges.append(max(round(at * WINDOW / SAMPLE_RATE), edges[-1] + 1))
    return [*edges[:-1], BINS]


class WhisperedSpeechNet(nn.Module):
    """Log band powers to the whisper's gains and presence: residual dilated convolutions that see a second around."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2 * BANDS, UNITS, 3, padding=1)
        self.layers = nn.ModuleList(nn.Conv1d(UNITS, UNITS, 3, padding=far, dilation=far) for far in DILATIONS)
        self.gains = nn.Conv1d(UNITS, BANDS, 1)
        self.presence = nn.Conv1d(UNITS, 2, 1)

    def forward(self, powers: Tensor) -> tuple[Tensor, Tensor]:
        """The whisper's gains 0 to 1 and logits of presence, [B, 40 and 2, frames], of band powers [B, 40, frames].

        The first logit is of a whisper, the second of any voice.
        """
        levels = (powers + FAINTEST).log10() / 2 + 1
        states = torch.relu(self.first(torch.cat([levels, levels - levels.mean(dim=2, keepdim=True)], dim=1)))
        for layer in self.layers:
            states = states + torch.relu(layer(states))
        return self.gains(states).sigmoid(), self.presence(states)


def spectrum_of(sound: Tensor) -> Tensor:
    """The STFT [B, 257, frames] of sounds [B, samples] at 16 kHz; the ends are padded with zeros."""
    return torch.stft(sound, WINDOW, HOP, window=torch.hann_window(WINDOW), pad_mode="constant", return_complex=True)


def sound_of(spectrum: Tensor, samples: int) -> Tensor:
    """The inverse of `spectrum_of`."""
    return torch.istft(spectrum, WINDOW, HOP, window=torch.hann_window(WINDOW), length=samples)


def to_bands(powers: Tensor) -> Tensor:
    """The mean over each band: [B, 257, frames] to [B, 40, frames]."""
    edges = band_edges()
    means = [powers[:, low:high].mean(1) for low, high in pairwise(edges)]
    return torch.stack(means, dim=1)


def to_bins(gains: Tensor) -> Tensor:
    """The gain of each bin: [B, 40, frames] to [B, 257, frames]."""
    edges = band_edges()
    widths = torch.tensor([high - low for low, high in pairwise(edges)])
    return gains.repeat_interleave(widths, dim=1)
