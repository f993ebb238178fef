"""Time-frequency mask of a voice; background power comes from frames without it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MaskSettings:
    """Times in seconds, frequencies in Hz; `memory_s` is how far away an unvoiced frame counts e^-1 as much."""

    window_s: float = 0.046
    # Below the lowest voices only their leakage is found: wind and engines vary more there and are left more.
    lowest_hz: float = 80.0
    rumble_tolerance: float = 8.0
    memory_s: float = 1.5
    group_s: float = 0.1
    # Without unvoiced frames the background is what is there even in the quietest tenth of the frames.
    quiet_share: float = 0.1


def voice_estimate(
    signal: torch.Tensor, voiced: torch.Tensor, sample_rate: int, tolerance: float, settings: MaskSettings
) -> torch.Tensor:
    """The part of `signal` [samples] that rises above `tolerance` times its background's power.

    `voiced` [samples] is true where a voice is heard; frames that touch no such sample teach the background's power,
    nearer ones more than distant ones.
    """
    import torch
    from torch.nn.functional import max_pool1d, pad

    size = max(2 ** round(math.log2(settings.window_s * sample_rate)), 16)
    hop = size // 4
    window = torch.hann_window(size)
    # Padded by hand: mirrored padding needs more samples than a short sound has.
    padded = pad(signal, (size // 2, size // 2))
    spectrum = torch.stft(padded, size, hop, window=window, center=False, return_complex=True)  # [bins, frames]
    power = spectrum.abs().square()
    touched = max_pool1d(pad(voiced.float(), (size // 2, size // 2))[None], size, hop)[0] > 0
    background = _background(power, ~touched, hop / sample_rate, settings)
    allowed = tolerance * background
    allowed[: math.ceil(settings.lowest_hz * size / sample_rate)] *= settings.rumble_tolerance
    gain = (allowed / _smooth(power).clamp_min(1e-20)).clamp_max(1.0)
    return torch.istft(spectrum * (1 - gain), size, hop, window=window, center=True, length=signal.shape[0])


def _background(power: torch.Tensor, unvoiced: torch.Tensor, hop_s: float, settings: MaskSettings) -> torch.Tensor:
    """Expected background power [bins, frames]: a mean over unvoiced frames, weighted by nearness in time."""
    import torch

    if not bool(unvoiced.any()):
        # Noise has exponentially distributed power: a share q of its frames lies below -ln(1 - q) of the mean.
        quiet = torch.quantile(power, settings.quiet_share, dim=1, keepdim=True)
        return (quiet / -math.log(1 - settings.quiet_share)).repeat(1, power.shape[1])
    group = max(round(settings.group_s / hop_s), 1)
    learnt, counts = _sum_frames(power * unvoiced, group), _sum_frames(unvoiced[None].float(), group)
    times = torch.arange(counts.shape[1]) * group * hop_s
    nearness = torch.exp(-(times[:, None] - times[None, :]).abs() / settings.memory_s)
    mean = (learnt @ nearness) / (counts @ nearness).clamp_min(1e-12)
    return mean.repeat_interleave(group, dim=1)[:, : power.shape[1]]


def _sum_frames(values: torch.Tensor, group: int) -> torch.Tensor:
    """Sums over runs of `group` frames, [rows, frames] to [rows, runs]."""
    from torch.nn.functional import pad

    filled = pad(values, (0, -values.shape[1] % group))
    return filled.unflatten(1, (-1, group)).sum(dim=2)


def _smooth(power: torch.Tensor) -> torch.Tensor:
    """A mean over 3x3 neighbours: single frames of single bins are too noisy to be distinguished from voice."""
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(power[None, None], 3, stride=1, padding=1, count_include_pad=False)[0, 0]
