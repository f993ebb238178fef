"""PANNs' Cnn14 (arXiv 1912.10211): waveform to features and AudioSet logits.

The published file holds the Fourier transform as two convolutions and the mel triangles as a matrix; they are taken
from there, as in the original, so that the spectrogram is the one the rest was trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.mel import MelConfig, mel_basis
from deepsound.models.panns.config import CNN14_16K, Cnn14Config


class Fourier(nn.Module):
    """A short-time Fourier transform by convolution, centred on its frames, edges mirrored."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.edge = config.n_fft // 2
        self.conv_real, self.conv_imag = (
            nn.Conv1d(1, config.n_fft // 2 + 1, config.n_fft, stride=config.hop, bias=False) for _ in range(2)
        )
        phase = torch.arange(config.n_fft // 2 + 1)[:, None] * torch.arange(config.n_fft) % config.n_fft
        angle = phase.double() * (2 * math.pi / config.n_fft)
        window = torch.hann_window(config.n_fft, dtype=torch.float64)
        self.conv_real.weight = nn.Parameter((angle.cos() * window).float().unsqueeze(1))
        self.conv_imag.weight = nn.Parameter((-angle.sin() * window).float().unsqueeze(1))

    def forward(self, waveform: Tensor) -> Tensor:
        """Powers [B, n_fft / 2 + 1, frames] of `waveform` [B, samples]."""
        padded = F.pad(waveform.unsqueeze(1), (self.edge, self.edge), mode="reflect")
        return self.conv_real(padded).square() + self.conv_imag(padded).square()


class Spectrogram(nn.Module):
    """Powers of a short-time Fourier transform, under the name they are published with."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.stft = Fourier(config)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.stft(waveform)


class LogMel(nn.Module):
    """Powers [B, bins, frames] -> decibels [B, frames, n_mels]."""

    def __init__(self, config: Cnn14Config) -> None:
        super().__init__()
        self.floor = config.power_floor
        triangles = mel_basis(
            MelConfig(config.sample_rate, config.n_fft, config.hop, config.n_mels, config.f_min, config.f_max)
        )
        self.melW = nn.Parameter(triangles.T.contiguous())

    def forward(self, powers: Tensor) -> Tensor:
        return 10.0 * (powers.mT @ self.melW).clamp(min=self.floor).log10()


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm and ReLU: [B, into, frames, bins] -> [B, channels, frames, bins]."""

    def __init__(self, into: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(maps))))))


@dataclass(frozen=True)
class Cnn14Output:
    """Of sounds [B, samples]: `features` [B, width], none of them negative, and `logits` [B, classes]."""

    features: Tensor
    logits: Tensor


class Cnn14(nn.Module):
    """A waveform [B, samples] at the configured rate -> Heard. Raises ValueError for a sound too short to be halved."""

    def __init__(self, config: Cnn14Config = CNN14_16K) -> None:
        super().__init__()
        self.config = config
        self.spectrogram_extractor = Spectrogram(config)
        self.logmel_extractor = LogMel(config)
        self.bn0 = nn.BatchNorm2d(config.n_mels)
        into = 1
        for number, channels in enumerate(config.channels, 1):
            setattr(self, f"conv_block{number}", ConvBlock(into, channels))
            into = channels
        self.fc1 = nn.Linear(into, config.width)
        self.fc_audioset = nn.Linear(config.width, config.classes)

    def forward(self, waveform: Tensor) -> Cnn14Output:
        if waveform.shape[-1] < self.config.shortest:
            raise ValueError(
                f"Cnn14 needs at least {self.config.shortest} samples at {self.config.sample_rate} Hz, "
                f"not {waveform.shape[-1]}"
            )
        decibels = self.logmel_extractor(self.spectrogram_extractor(waveform))
        # The first norm is of mel bands, which are its channels.
        maps = self.bn0(decibels.mT.unsqueeze(-1)).permute(0, 3, 2, 1)  # [B, 1, frames, n_mels]
        last = len(self.config.channels)
        for number in range(1, last + 1):
            maps = self.get_submodule(f"conv_block{number}")(maps)
            if number < last:
                maps = F.avg_pool2d(maps, 2)
        by_frame = maps.mean(dim=3)  # [B, channels, frames]
        features = F.relu(self.fc1(by_frame.amax(dim=2) + by_frame.mean(dim=2)))
        return Cnn14Output(features, self.fc_audioset(features))
