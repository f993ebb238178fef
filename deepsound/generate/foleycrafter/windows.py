"""Overlapping 10 s windows for long clips, joined by equal-power crossfades."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from deepsound.types import Span

WINDOW_S = 10.0
# A picture of 1024 columns sounds for 10.24 s: clips a few frames over 10 s still fit into one.
LONGEST_S = 10.24
FADE_S = 1.0


def windows(duration_s: float) -> tuple[Span, ...]:
    """The windows of a sound of `duration_s`: one up to 10.24 s, else as many of 10 s as overlap by 1 s or more."""
    if duration_s <= LONGEST_S:
        return (Span(0.0, duration_s),)
    count = math.ceil((duration_s - FADE_S) / (WINDOW_S - FADE_S))
    last_s = duration_s - WINDOW_S
    starts_s = [last_s * number / (count - 1) for number in range(count)]
    return tuple(Span(start_s, start_s + WINDOW_S) for start_s in starts_s)


def crossfade(sounds: Sequence[Tensor], spans: Sequence[Span], samples: int, sample_rate: int) -> Tensor:
    """The sounds [1, window's samples] of `spans` as one of [1, samples].

    One fades into the next within a second in the middle of their overlap, at equal power: they were made from
    different noise, so their powers add up, not their amplitudes.
    """
    whole = torch.zeros(1, samples)
    for number, (sound, span) in enumerate(zip(sounds, spans, strict=True)):
        begin = round(span.start_s * sample_rate)
        length = min(sound.shape[1], samples - begin)
        times_s = (begin + torch.arange(length)) / sample_rate
        gain = torch.ones(length)
        if number > 0:
            gain = gain * torch.sin(_fade_position(times_s, spans[number - 1], span) * math.pi / 2)
        if number + 1 < len(spans):
            gain = gain * torch.cos(_fade_position(times_s, span, spans[number + 1]) * math.pi / 2)
        whole[:, begin : begin + length] += sound[:, :length] * gain
    return whole


def _fade_position(times_s: Tensor, earlier: Span, later: Span) -> Tensor:
    """How much of the fade from `earlier` to `later` is over, 0 to 1."""
    middle_s = (earlier.end_s + later.start_s) / 2
    return ((times_s - middle_s) / FADE_S + 0.5).clamp(0, 1)
