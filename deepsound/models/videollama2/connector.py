"""STC connector v3.5: vision features to tokens by two RegStages and a 3-D convolution.

VideoLLaMA2 (arXiv 2406.07476), section 3.1.

The stages are RegNet's as timm builds them by default: groups of one channel, squeeze-and-excitation, channel-wise
layer norm (whose keys are called `bn`) with an epsilon of 1e-5, which timm uses beside an activation only.
"""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.videollama2.config import ConnectorConfig

_NORM_EPS = 1e-5
_SQUEEZED = 0.25


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of [B, channels, rows, columns]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class NormedConvolution(nn.Module):
    """A convolution without bias, its norm and its activation; same size out as in."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, groups: int = 1, activated: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
        self.bn = ChannelNorm(outputs, eps=_NORM_EPS)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return F.silu(x) if self.activated else x


class SqueezeExcitation(nn.Module):
    """Scales each channel by what the whole picture says of it."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc2(F.silu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()


class Bottleneck(nn.Module):
    """A residual block; its shortcut is a projection where the widths differ."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv1 = NormedConvolution(inputs, width)
        self.conv2 = NormedConvolution(width, width, kernel=3, groups=width)
        # Squeezed to a share of the block's input, not of the channels that are squeezed.
        self.se = SqueezeExcitation(width, round(inputs * _SQUEEZED))
        self.conv3 = NormedConvolution(width, width, activated=False)
        self.downsample = NormedConvolution(inputs, width, activated=False) if inputs != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.conv3(self.se(self.conv2(self.conv1(x)))) + self.downsample(x))


class StcConnector(nn.Module):
    """Features of a clip's frames to tokens, time first, then rows, then columns."""

    def __init__(self, config: ConnectorConfig) -> None:
        super().__init__()
        self.config = config
        self.s1 = _stage(config.vision_width, config.width, config.depth)
        self.sampler = nn.Sequential(
            nn.Conv3d(config.width, config.width, config.downsample, stride=config.downsample), nn.SiLU()
        )
        self.s2 = _stage(config.width, config.width, config.depth)
        self.readout = _readout(config.width, config.mlp_depth)

    def forward(self, features: Tensor) -> Tensor:
        """[B, frames, patches of a square, C] or [B, frames, rows, columns, C] -> tokens [B, tokens, width].

        What lies beyond a whole number of samples of the 3-D convolution is dropped: 27 rows become 13.
        """
        if features.dim() == 4:
            side = round(features.shape[2] ** 0.5)
            features = features.unflatten(2, (side, side))
        batch, frames = features.shape[:2]
        x = self.s1(features.flatten(0, 1).movedim(-1, 1))  # [B * frames, width, rows, columns]
        x = self.sampler(x.unflatten(0, (batch, frames)).transpose(1, 2))  # [B, width, frames', rows', columns']
        x = self.s2(x.transpose(1, 2).flatten(0, 1))
        tokens = x.movedim(1, -1).unflatten(0, (batch, -1)).flatten(1, 3)
        return self.readout(tokens)


def _stage(inputs: int, width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            (f"b{number}", Bottleneck(inputs if number == 1 else width, width)) for number in range(1, depth + 1)
        )
    )


def _readout(width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(width, width)]
    for _ in range(1, depth):
        layers += [nn.GELU(), nn.Linear(width, width)]
    return nn.Sequential(*layers)
