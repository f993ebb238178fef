"""Convolutions along channel-last signals, [B, T, C]."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SameLengthConv(nn.Conv1d):
    """A convolution that keeps the length."""

    def __init__(self, channels: int, out: int, kernel: int, dilation: int = 1, bias: bool = True) -> None:
        super().__init__(channels, out, kernel, dilation=dilation, padding=dilation * (kernel - 1) // 2, bias=bias)
        self.reach = dilation * (kernel - 1) // 2  # inputs to each side that an output depends on

    def forward(self, x: Tensor) -> Tensor:
        return _rows(
            F.conv2d(
                _image(x), self.weight.unsqueeze(2), self.bias, padding=(0, *self.padding), dilation=(1, *self.dilation)
            )
        )


class TransposedConv(nn.ConvTranspose1d):
    """A transposed convolution to `rate` times the length."""

    def __init__(self, channels: int, out: int, kernel: int, rate: int) -> None:
        padding = (kernel - rate) // 2
        super().__init__(channels, out, kernel, rate, padding=padding)
        self.rate = rate
        self.reach = max(padding, kernel - rate - padding)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return _rows(
            F.conv_transpose2d(
                _image(x), self.weight.unsqueeze(2), self.bias, stride=(1, *self.stride), padding=(0, *self.padding)
            )
        )


def _image(x: Tensor) -> Tensor:
    """[B, C, 1, T], one row of pixels: torch keeps pictures channel-last, but not sequences."""
    return x.transpose(1, 2).unsqueeze(2)


def _rows(image: Tensor) -> Tensor:
    return image.squeeze(2).transpose(1, 2)
