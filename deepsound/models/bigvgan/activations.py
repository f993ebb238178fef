"""Periodic activations (snake) run at twice the rate, between two low-pass filters, so that they do not alias.

Written out, an activation stuffs zeros between samples, filters, applies the snake, filters and drops every other
sample. Here the two phases of the doubled signal (samples 2t and 2t + 1) stay apart: half of each filter meets zeros or
makes samples nobody keeps, so every phase needs six taps only, and nothing is interleaved, cropped or thrown away.
The sums are the same; their order differs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = 12
_CUTOFF = 0.25
_KAISER_BETA = 4.6638
_AMPLITUDE_FLOOR = 1e-9
# Numbers of a slice for every CPU thread: its phases and padded copies then stay in that core's cache.
_CPU_SLICE = 1 << 18


class Phases(NamedTuple):
    """Even and odd samples of a signal at twice the rate, each [B, C, T]."""

    even: Tensor
    odd: Tensor


class SnakeBeta(nn.Module):
    """x + sin²(frequency · x) · amplitude for every channel; the parameters are stored as logarithms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """Frequency and amplitude, float32 [C, 1] each."""
        frequency, divisor = self.alpha.float().exp(), self.beta.float().exp()
        return frequency.unsqueeze(-1), 1.0 / (divisor + _AMPLITUDE_FLOOR).unsqueeze(-1)


class Filter(nn.Module):
    """A low-pass filter at half the doubled rate's band; every activation's own is stored with the weights."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", low_pass().view(1, 1, -1))


class Downsample(nn.Module):
    """Holds its filter one name deeper, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = Filter()


class AntiAliasedSnake(nn.Module):
    """A snake activation without aliasing: [B, C, T] to [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = Filter()
        self.downsample = Downsample()

    def forward(self, x: Tensor) -> Tensor:
        frequency, amplitude = self.act.coefficients()
        width = _channels_at_once(x)
        slices = [self._activate(part, *coefficients) for part, *coefficients in
                  zip(x.split(width, dim=1), frequency.split(width), amplitude.split(width), strict=True)]
        return slices[0] if len(slices) == 1 else torch.cat(slices, dim=1)

    def _activate(self, x: Tensor, frequency: Tensor, amplitude: Tensor) -> Tensor:
        # On a CPU the taps are summed one by one, which half precision would round every time.
        working = x.float() if x.device.type == "cpu" else x
        phases = upsample(working, self.upsample.filter)
        phases = Phases(*(snake(phase, frequency.to(phase.dtype), amplitude.to(phase.dtype)) for phase in phases))
        return downsample(phases, self.downsample.lowpass.filter).to(x.dtype)


def upsample(x: Tensor, kernel: Tensor) -> Phases:
    """The doubled signal's phases, [B, C, T] each, of `x` [B, C, T] under `kernel` [1, 1, 12]; edges are repeated."""
    taps = 2.0 * kernel.flatten().flip(0).to(x.dtype)
    padded = F.pad(x, (3, 3), mode="replicate")
    return Phases(even=_correlate(padded[..., :-1], taps[0::2]), odd=_correlate(padded[..., 1:], taps[1::2]))


def snake(x: Tensor, frequency: Tensor, amplitude: Tensor) -> Tensor:
    """x + amplitude · sin²(frequency · x), with coefficients that broadcast against `x`."""
    return torch.addcmul(x, (x * frequency).sin_().square_(), amplitude)


def downsample(phases: Phases, kernel: Tensor) -> Tensor:
    """Every other filtered sample, [B, C, T], of the doubled signal in `phases` under `kernel` [1, 1, 12].

    The doubled signal's own first and last sample are repeated: the first is even, the last odd.
    """
    taps = kernel.flatten().to(phases.even.dtype)
    first, last = phases.even[..., :1], phases.odd[..., -1:]
    even = torch.cat([first.expand(-1, -1, 2), phases.even, last.expand(-1, -1, 3)], dim=-1)
    odd = torch.cat([first.expand(-1, -1, 3), phases.odd, last.expand(-1, -1, 2)], dim=-1)
    return _correlate(even, taps[1::2]) + _correlate(odd, taps[0::2])


def low_pass() -> Tensor:
    """Kaiser-windowed sinc, float32 [12], with sum 1: cutoff 0.25, transition half-width 0.3 of the doubled rate."""
    offsets = torch.arange(TAPS, dtype=torch.float64) - (TAPS - 1) / 2
    window = torch.kaiser_window(TAPS, periodic=False, beta=_KAISER_BETA, dtype=torch.float64)
    taps = window * torch.sinc(2.0 * _CUTOFF * offsets)
    return (taps / taps.sum()).float()


def _correlate(x: Tensor, taps: Tensor) -> Tensor:
    """The same `taps` over every channel of `x`, where they fit: [B, C, T] to [B, C, T - taps + 1]."""
    if x.device.type == "cpu":
        return _correlate_by_shifts(x, taps)
    return _correlate_by_convolution(x, taps)


def _correlate_by_shifts(x: Tensor, taps: Tensor) -> Tensor:
    length = x.shape[-1] - len(taps) + 1
    first, *rest = taps.tolist()
    total = x[..., :length] * first
    for shift, tap in enumerate(rest, start=1):
        total.add_(x[..., shift:shift + length], alpha=tap)
    return total


def _correlate_by_convolution(x: Tensor, taps: Tensor) -> Tensor:
    channels = x.shape[1]
    return F.conv1d(x, taps.expand(channels, 1, -1), groups=channels)


def _channels_at_once(x: Tensor) -> int:
    if x.device.type != "cpu":
        return x.shape[1]
    return max(1, _CPU_SLICE * torch.get_num_threads() // (x.shape[0] * x.shape[2]))
