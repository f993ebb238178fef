"""BigVGAN (arXiv 2206.04658): mel spectrograms to waveforms.

The network has plain convolutions: `weights.fold_weight_norm` brings every published form of the weights to them.
Signals are channel-last inside, [B, T, C], so that the activations' filters work on whole rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from deepsound.models.bigvgan.activations import AntiAliasedSnake
from deepsound.models.bigvgan.config import BIGVGAN_16K, BigVganConfig
from deepsound.models.bigvgan.layers import Conv, Upsample


class ResidualBranch(nn.Module):
    """Residual steps of one kernel size, each a dilated and a plain convolution: [B, T, C] to [B, T, C]."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(Conv(channels, channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(Conv(channels, channels, kernel) for _ in dilations)
        self.activations = nn.ModuleList(AntiAliasedSnake(channels) for _ in range(2 * len(dilations)))

    def forward(self, x: Tensor) -> Tensor:
        steps = zip(self.activations[0::2], self.convs1, self.activations[1::2], self.convs2, strict=True)
        for activate1, conv1, activate2, conv2 in steps:
            x = conv2(activate2(conv1(activate1(x)))).add_(x)
        return x


class BigVgan(nn.Module):
    """Vocoder: every stage raises the rate and averages residual branches of several kernel sizes."""

    def __init__(self, config: BigVganConfig = BIGVGAN_16K) -> None:
        super().__init__()
        self.config = config
        channels = config.upsample_initial_channel
        self.conv_pre = Conv(config.num_mels, channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(nn.Sequential(Upsample(channels, channels // 2, kernel, rate)))
            channels //= 2
            self.resblocks.extend(
                ResidualBranch(channels, *sizes)
                for sizes in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.activation_post = AntiAliasedSnake(channels)
        self.conv_post = Conv(channels, 1, 7, bias=config.use_bias_at_final)

    def forward(self, mel: Tensor) -> Tensor:
        """Waveform [B, 1, T · hop] in [-1, 1] of the log-mel spectrogram `mel` [B, num_mels, T]."""
        x = self.conv_pre(mel.transpose(1, 2))
        branches = len(self.config.resblock_kernel_sizes)
        for stage, upsample in enumerate(self.ups):
            x = self._averaged(upsample(x), self.resblocks[stage * branches:(stage + 1) * branches])
        x = self.conv_post(self.activation_post(x)).transpose(1, 2)
        return torch.tanh(x) if self.config.use_tanh_at_final else x.clamp(-1.0, 1.0)

    def _averaged(self, x: Tensor, branches: nn.ModuleList) -> Tensor:
        first, *others = branches
        total = first(x)
        for branch in others:
            total.add_(branch(x))
        return total.div_(len(branches))
