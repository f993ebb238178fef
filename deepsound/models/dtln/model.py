"""DTLN: LSTM masks on the magnitude spectrum, then on a learned basis."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SAMPLE_RATE = 16_000
FRAME, HOP = 512, 128
BINS, UNITS, BASIS = FRAME // 2 + 1, 128, 256
EPSILON = 1e-7


class LstmMask(nn.Module):
    """Two LSTM layers and a sigmoid: features [B, frames, size] to a mask of the same shape."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(size, UNITS, num_layers=2, batch_first=True)
        self.dense = nn.Linear(UNITS, size)

    def forward(self, features: Tensor) -> Tensor:
        return self.dense(self.lstm(features)[0]).sigmoid()


class DTLN(nn.Module):
    """The voice [B, samples] in sounds [B, samples] at 16 kHz; a frame hears what came before it and 32 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.spectral = LstmMask(BINS)
        self.encoder = nn.Linear(FRAME, BASIS, bias=False)
        self.scale = nn.Parameter(torch.ones(BASIS))
        self.shift = nn.Parameter(torch.zeros(BASIS))
        self.learned = LstmMask(BASIS)
        self.decoder = nn.Linear(BASIS, FRAME, bias=False)

    def forward(self, sound: Tensor) -> Tensor:
        samples = sound.shape[-1]
        # Whole frames, and three more hops at both ends, so that four frames add up to every sample.
        padded = nn.functional.pad(sound, (FRAME - HOP, FRAME - HOP + -samples % HOP))
        frames = padded.unfold(-1, FRAME, HOP)
        spectrum = torch.fft.rfft(frames)
        first = torch.fft.irfft(spectrum * self.spectral(spectrum.abs()), n=FRAME)
        basis = self.encoder(first)
        middle = basis.mean(dim=-1, keepdim=True)
        spread = ((basis - middle).square().mean(dim=-1, keepdim=True) + EPSILON).sqrt()
        mask = self.learned((basis - middle) / spread * self.scale + self.shift)
        return self._overlap_add(self.decoder(basis * mask), padded.shape[-1])[:, FRAME - HOP :][:, :samples]

    @staticmethod
    def _overlap_add(frames: Tensor, samples: int) -> Tensor:
        shape = (1, samples)
        return nn.functional.fold(frames.transpose(1, 2), shape, (1, FRAME), stride=(1, HOP))[:, 0, 0]
