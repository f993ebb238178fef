"""Sampling a long sound in overlapping windows whose velocities are averaged at every step (MultiDiffusion).

arXiv 2302.08113, carried over from images to MMAudio's latents: one noise for the whole sound, windows of the length
the network was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.models.mmaudio.sampler import Field


@dataclass(frozen=True)
class LatentWindow:
    """Latents [start, stop) of the whole sound, and how many of them fade in and out where windows overlap."""

    start: int
    stop: int
    fade_in: int = 0
    fade_out: int = 0

    @property
    def length(self) -> int:
        return self.stop - self.start


def weights_of(window: LatentWindow, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[length], 1 inside and linear ramps over the overlaps, never 0."""
    at = torch.arange(window.length, dtype=torch.float32)
    rise = (at + 1) / (window.fade_in + 1)
    fall = (window.length - at) / (window.fade_out + 1)
    return torch.minimum(rise, fall).clamp(max=1.0).to(device, dtype)


def averaged(windows: Sequence[tuple[LatentWindow, Field]], latents: int) -> Field:
    """The field of the whole sound: each latent's velocity is the weighted mean of the windows that hold it.

    Where the windows agree, the result is what any one of them gives. ValueError where a latent is in no window.
    """
    _require_cover([window for window, _ in windows], latents)

    def field(state: Tensor, time: Tensor) -> Tensor:
        total = torch.zeros_like(state)
        share = torch.zeros(latents, device=state.device, dtype=state.dtype)
        for window, velocity in windows:
            part = slice(window.start, window.stop)
            weights = weights_of(window, state.device, state.dtype)
            total[:, part] += weights[None, :, None] * velocity(state[:, part], time)
            share[part] += weights
        return total / share[None, :, None]

    return field


def _require_cover(windows: Sequence[LatentWindow], latents: int) -> None:
    covered = torch.zeros(latents, dtype=torch.bool)
    for window in windows:
        if not 0 <= window.start < window.stop <= latents:
            raise ValueError(f"a window of latents {window.start} to {window.stop} where there are {latents}")
        covered[window.start : window.stop] = True
    if not bool(covered.all()):
        raise ValueError(f"latent {int((~covered).nonzero()[0])} of {latents} is in no window")
