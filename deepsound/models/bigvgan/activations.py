"""Anti-aliased snake activations: computed at twice the rate, between low-pass filters.

BigVGAN (arXiv 2206.04658), section 3.2.

Signals are channel-last, [B, T, C], as everywhere in this vocoder.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from deepsound.models.bigvgan import snake_rows, snake_triton

TAPS = 12
_CUTOFF = 0.25
_KAISER_BETA = 4.6638
_AMPLITUDE_FLOOR = 1e-9


class SnakeBeta(nn.Module):
    """x + sin²(frequency · x) · amplitude for every channel; the parameters are stored as logarithms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """Frequency and amplitude, float32 [C] each."""
        return self.alpha.float().exp(), 1.0 / (self.beta.float().exp() + _AMPLITUDE_FLOOR)


class LowPassFilter1d(nn.Module):
    """A low-pass filter at half the doubled rate's band; every activation's own is stored with the weights."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", low_pass().view(1, 1, -1))

    def taps(self) -> Tensor:
        return self.filter.flatten().float()


class DownSample1d(nn.Module):
    """Holds its filter one name deeper, as published."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPassFilter1d()


class AntiAliasedSnake(nn.Module):
    """A snake activation without aliasing, [B, T, C] to [B, T, C], computed in float32 whatever the dtype."""

    reach = 5  # inputs to each side that an output depends on: of 12 and 12 taps, every other one meets a zero

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = LowPassFilter1d()
        self.downsample = DownSample1d()

    def forward(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """The activation of `x`, in `dtype` or else in that of `x`."""
        filters = self.upsampling_taps(), self.downsample.lowpass.taps()
        if snake_triton.runs_on(x):
            return snake_triton.anti_aliased_snake(x, *filters, *self.act.coefficients()).to(dtype or x.dtype)
        return snake_rows.anti_aliased_snake(x, *filters, *self.act.coefficients(), dtype)

    def upsampling_taps(self) -> Tensor:
        """Taps [12] that double the rate: as they meet the signal, and making up for the zeros between samples."""
        return 2.0 * self.upsample.taps().flip(0)


def low_pass() -> Tensor:
    """Kaiser-windowed sinc, float32 [12], with sum 1: cutoff 0.25, transition half-width 0.3 of the doubled rate."""
    return torch.tensor(_low_pass_taps())


@lru_cache(maxsize=1)
def _low_pass_taps() -> tuple[float, ...]:
    # A vocoder has 218 of these filters, and they would be most of what building it takes.
    offsets = torch.arange(TAPS, dtype=torch.float64, device="cpu") - (TAPS - 1) / 2
    window = torch.kaiser_window(TAPS, periodic=False, beta=_KAISER_BETA, dtype=torch.float64, device="cpu")
    taps = window * torch.sinc(2.0 * _CUTOFF * offsets)
    return tuple((taps / taps.sum()).float().tolist())
