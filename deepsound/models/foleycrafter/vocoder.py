"""HiFi-GAN generator (arXiv 2010.05646); published keys once weight norm is folded."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.foleycrafter.config import HiFiGanConfig

_SLOPE = 0.1
# The last activation was left at torch's default slope.
_LAST_SLOPE = 0.01
_FULL_SCALE = 32768.0


class HiFiGan(nn.Module):
    """Log-mel spectrograms to sound."""

    def __init__(self, config: HiFiGanConfig) -> None:
        super().__init__()
        self.config = config
        width = config.upsample_initial_channel
        self.conv_pre = nn.Conv1d(config.num_mels, width, 7, padding=3)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(nn.ConvTranspose1d(width, width // 2, kernel, rate, padding=(kernel - rate) // 2))
            width //= 2
            branches = zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
            self.resblocks.extend(ResBlock1(width, size, dilations) for size, dilations in branches)
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        """Natural-log mel [B, bins, frames] -> waveform [B, 1, frames * hop] in [-1, 1]."""
        signal = self.conv_pre(mel)
        branches = len(self.config.resblock_kernel_sizes)
        for stage, raise_rate in enumerate(self.ups):
            signal = raise_rate(F.leaky_relu(signal, _SLOPE))
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            signal = sum(block(signal) for block in blocks) / branches
        return torch.tanh(self.conv_post(F.leaky_relu(signal, _LAST_SLOPE)))


class ResBlock1(nn.Module):
    """Pairs of convolutions, the first of each dilated, each pair with a way around it."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same(width, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_same(width, kernel, 1) for _ in dilations)

    def forward(self, signal: Tensor) -> Tensor:
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            signal = signal + plain(F.leaky_relu(dilated(F.leaky_relu(signal, _SLOPE)), _SLOPE))
        return signal


def sixteen_bit(waveform: Tensor) -> Tensor:
    """A waveform in [-1, 1] as int16, truncated towards zero; full scale is held, where the original wraps."""
    return (waveform.float() * _FULL_SCALE).clamp(-_FULL_SCALE, _FULL_SCALE - 1).to(torch.int16)


def _same(width: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(width, width, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2)
