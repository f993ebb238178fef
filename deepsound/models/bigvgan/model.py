"""BigVGAN (arXiv 2206.04658): mel spectrograms to waveforms.

The network has plain convolutions: `weights.fold_weight_norm` brings every published form of the weights to them.
Signals are channel-last inside, [B, T, C], so that the activations' filters work on whole rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from deepsound.models.bigvgan.activations import AntiAliasedSnake
from deepsound.models.bigvgan.config import BIGVGAN_16K, BigVganConfig
from deepsound.models.bigvgan.layers import SameLengthConv, TransposedConv

# Rounding the last stage's convolutions costs the waveform 59 dB, the one's before 67, the others' 74 to 82 each.
_EXACT_STAGES = 2


class VocoderStep(NamedTuple):
    """A part of the vocoder, from [B, T, C] to [B, rate · T, C'].

    Input i lies under outputs rate · i to rate · (i + 1) - 1; an output depends on the inputs under those that are no
    farther than `reach` from it.
    """

    run: Callable[[Tensor], Tensor]
    rate: int
    reach: int


class AMPBlock1(nn.Module):
    """Residual steps of one kernel size, each a dilated and a plain convolution: [B, T, C] to [B, T, C]."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(SameLengthConv(channels, channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(SameLengthConv(channels, channels, kernel) for _ in dilations)
        self.activations = nn.ModuleList(AntiAliasedSnake(channels) for _ in range(2 * len(dilations)))

    @property
    def reach(self) -> int:
        """Inputs to each side that an output depends on."""
        layers = cast("list[SameLengthConv | AntiAliasedSnake]", [*self.convs1, *self.convs2, *self.activations])
        return sum(layer.reach for layer in layers)

    def forward(self, x: Tensor) -> Tensor:
        steps = zip(self.activations[0::2], self.convs1, self.activations[1::2], self.convs2, strict=True)
        for activate1, conv1, activate2, conv2 in steps:
            branch = conv2(activate2(conv1(activate1(x, conv1.weight.dtype)), conv2.weight.dtype))
            x = branch.add_(x) if branch.dtype == x.dtype else x + branch
        return x


class BigVgan(nn.Module):
    """Vocoder: every stage raises the rate and averages residual branches of several kernel sizes."""

    def __init__(self, config: BigVganConfig = BIGVGAN_16K) -> None:
        super().__init__()
        self.config = config
        channels = config.upsample_initial_channel
        self.conv_pre = SameLengthConv(config.num_mels, channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(nn.Sequential(TransposedConv(channels, channels // 2, kernel, rate)))
            channels //= 2
            self.resblocks.extend(
                AMPBlock1(channels, *sizes)
                for sizes in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
            )
        self.activation_post = AntiAliasedSnake(channels)
        self.conv_post = SameLengthConv(channels, 1, 7, bias=config.use_bias_at_final)

    @property
    def dtype(self) -> torch.dtype:
        """What the waveform comes in, and the signal between the stages."""
        return self.conv_post.weight.dtype

    def round_inner_convolutions(self, dtype: torch.dtype) -> BigVgan:
        """Let the residual convolutions of all stages but the last two compute in `dtype`; the rest stays as it is.

        They are nearly all of the work and little of the error: with them in bfloat16 the waveform is float32's to
        68 dB (44.1 kHz, initial weights), with everything in bfloat16 to 43 dB.
        """
        inner = max(0, len(self.ups) - _EXACT_STAGES) * len(self.config.resblock_kernel_sizes)
        for block in cast("list[AMPBlock1]", list(self.resblocks[:inner])):
            for conv in (*block.convs1, *block.convs2):
                conv.to(dtype)
        return self

    def forward(self, mel: Tensor) -> Tensor:
        """Waveform [B, 1, T · hop] in [-1, 1] of the log-mel spectrogram `mel` [B, num_mels, T]."""
        x = mel.to(self.dtype).transpose(1, 2)
        for step in self.steps():
            x = step.run(x)
        return x.transpose(1, 2)

    def steps(self) -> Iterator[VocoderStep]:
        """What `forward` does, in its order."""
        yield VocoderStep(self.conv_pre, 1, self.conv_pre.reach)
        count = len(self.config.resblock_kernel_sizes)
        for stage, upsample in enumerate(self.ups):
            (layer,) = cast("Iterable[TransposedConv]", upsample)
            branches = cast("list[AMPBlock1]", list(self.resblocks[stage * count : (stage + 1) * count]))
            yield VocoderStep(upsample, layer.rate, layer.reach)
            yield VocoderStep(partial(_average, branches), 1, max(branch.reach for branch in branches))
        yield VocoderStep(self._waveform, 1, self.activation_post.reach + self.conv_post.reach)

    def _waveform(self, x: Tensor) -> Tensor:
        x = self.conv_post(self.activation_post(x))
        return torch.tanh(x) if self.config.use_tanh_at_final else x.clamp(-1.0, 1.0)


def _average(branches: Sequence[AMPBlock1], x: Tensor) -> Tensor:
    first, *others = branches
    total = first(x)
    for branch in others:
        total.add_(branch(x))
    return total.div_(len(branches))
