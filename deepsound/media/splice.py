"""Splices sounds of equal length at given spans, with crossfades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.runtime.sample_memory import BLOCK, copy_of, release_pages
from deepsound.types import Audio, Span

if TYPE_CHECKING:
    import torch

RAMP_S = 0.02


def splice(
    outside: Audio, inside: Audio, spans: Sequence[Span], ramp_s: float = RAMP_S, equal_power: bool = False
) -> Audio:
    """`outside` bit for bit outside `spans`, `inside` within them, with ramps of `ramp_s` inside the spans' edges.

    Equal gain for two versions of one sound (correlated): their sum keeps the level. `equal_power` for two sounds made
    from different noise, whose powers add up. At the very start and end of the sound there is no ramp. Raises
    InputError where rate, channels or length differ.
    """
    import torch

    _require_alike(outside, inside)
    joined = copy_of(outside.waveform)
    for span in sample_ranges(spans, outside):
        for first in range(*span, BLOCK):
            last = min(first + BLOCK, span[1])
            gain = _ramp(span, first, last, outside, ramp_s)
            old, new = outside.waveform[:, first:last], inside.waveform[:, first:last]
            mixed = _equal_power(old, new, gain) if equal_power else old + gain * (new - old)
            joined[:, first:last] = torch.where(gain >= 1.0, new, mixed)
            release_pages()
    return Audio(joined, outside.sample_rate)


def covers(spans: Sequence[Span], audio: Audio) -> bool:
    """Whether every sample of the sound lies in one of `spans` (ordered, apart)."""
    reached = 0
    for first, last in sample_ranges(spans, audio):
        if first > reached:
            return False
        reached = max(reached, last)
    return reached >= audio.samples


def sample_ranges(spans: Sequence[Span], audio: Audio) -> list[tuple[int, int]]:
    """First and past-the-last sample of each span that has any sample within the sound."""
    ranges = [(round(span.start_s * audio.sample_rate), round(span.end_s * audio.sample_rate)) for span in spans]
    cut = [(max(first, 0), min(last, audio.samples)) for first, last in ranges]
    return [(first, last) for first, last in cut if last > first]


def _equal_power(old: torch.Tensor, new: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    import torch

    angle = gain * (math.pi / 2)
    return torch.cos(angle) * old + torch.sin(angle) * new


def _ramp(span: tuple[int, int], first: int, last: int, audio: Audio, ramp_s: float) -> torch.Tensor:
    """Gain of the sound inside at samples `first` to `last`, 0 just outside an edge of `span` not the sound's own."""
    import torch

    begin, end = span
    ramp = min(max(round(ramp_s * audio.sample_rate), 1), max((end - begin) // 2, 1))
    at = torch.arange(first, last)
    ones = torch.ones(last - first)
    rise = ones if begin == 0 else (at - begin + 1) / (ramp + 1)
    fall = ones if end == audio.samples else (end - at) / (ramp + 1)
    return torch.minimum(rise, fall).clamp(0.0, 1.0)


def _require_alike(outside: Audio, inside: Audio) -> None:
    shapes = [(each.sample_rate, *each.waveform.shape) for each in (outside, inside)]
    if shapes[0] != shapes[1]:
        told = " and ".join(f"{rate} Hz, {channels} channels, {samples} samples" for rate, channels, samples in shapes)
        raise InputError(f"Only sounds of one form can be spliced; these have {told}.")
