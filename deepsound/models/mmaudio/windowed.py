"""MultiDiffusion: sampling in overlapping windows whose velocities are averaged every step.

arXiv 2302.08113, carried over from images to MMAudio's latents: one noise for the whole sound, windows of the length
the network was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.models.mmaudio.flow_matching import Field, time_grid
from deepsound.models.mmaudio.lengths import LatentWindow


@dataclass(frozen=True, eq=False)
class WindowedState:
    """How far a sampling has come: `state` [1, L, D] before `step`, of which `window` windows are in `total` [1, L, D].

    Sampling goes on from here to the same result, to the bit.
    """

    step: int
    window: int
    state: Tensor
    total: Tensor


def window_weights(window: LatentWindow, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[length], 1 inside and linear ramps over the overlaps, never 0."""
    at = torch.arange(window.length, dtype=torch.float32)
    rise = (at + 1) / (window.fade_in + 1)
    fall = (window.length - at) / (window.fade_out + 1)
    return torch.minimum(rise, fall).clamp(max=1.0).to(device, dtype)


def sample_windows(
    windows: Sequence[LatentWindow],
    field_of: Callable[[int], Field],
    begin: WindowedState,
    steps: int,
    on_window: Callable[[WindowedState], None],
) -> Tensor:
    """Euler's method from `begin`, where a latent's velocity is the weighted mean of its windows'; latents [1, L, D].

    `field_of(index)` is a window's field; where all agree, the result is what any one of them gives. `on_window` gets
    the state before every window; what it raises ends the sampling. ValueError where a latent is in no window.
    """
    require_cover(windows, begin.state.shape[1])
    times = time_grid(steps)
    share = _share(windows, begin.state)
    state, total, first = begin.state, begin.total.clone(), begin.window
    for step in range(begin.step, steps):
        at = times[step].to(state.device, state.dtype)
        for index in range(first, len(windows)):
            on_window(WindowedState(step, index, state, total))
            window = windows[index]
            _add(total, window, field_of(index)(state[:, window.start : window.stop], at))
        state = state + (times[step + 1] - times[step]) * (total / share)
        total, first = torch.zeros_like(state), 0
    return state


def overlap_add(windows: Sequence[LatentWindow], pieces: Callable[[int], Tensor], length: int, rate: int) -> Tensor:
    """The weighted mean [1, C, length · rate] of `pieces(index)` [1, C, window length · rate] where windows overlap.

    ValueError where a latent is in no window.
    """
    require_cover(windows, length)
    total, share = torch.empty(0), torch.zeros(length * rate)
    for index, window in enumerate(windows):
        piece = pieces(index).float().cpu()
        if index == 0:
            total = piece.new_zeros(*piece.shape[:2], length * rate)
        finer = LatentWindow(window.start * rate, window.stop * rate, window.fade_in * rate, window.fade_out * rate)
        weights = window_weights(finer, piece.device, piece.dtype)
        total[:, :, finer.start : finer.stop] += weights * piece
        share[finer.start : finer.stop] += weights
    return total.div_(share)


def _add(total: Tensor, window: LatentWindow, velocity: Tensor) -> None:
    total[:, window.start : window.stop] += window_weights(window, total.device, total.dtype)[None, :, None] * velocity


def _share(windows: Sequence[LatentWindow], state: Tensor) -> Tensor:
    share = torch.zeros(state.shape[1], device=state.device, dtype=state.dtype)
    for window in windows:
        share[window.start : window.stop] += window_weights(window, state.device, state.dtype)
    return share[None, :, None]


def require_cover(windows: Sequence[LatentWindow], latents: int) -> None:
    """Raise ValueError where a latent is in no window, or a window past the end."""
    covered = torch.zeros(latents, dtype=torch.bool)
    for window in windows:
        if not 0 <= window.start < window.stop <= latents:
            raise ValueError(f"a window of latents {window.start} to {window.stop} where there are {latents}")
        covered[window.start : window.stop] = True
    if not bool(covered.all()):
        raise ValueError(f"latent {int((~covered).nonzero()[0])} of {latents} is in no window")
