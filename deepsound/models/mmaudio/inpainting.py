"""Audio inpainting: known latents are restored at every step (RePaint, arXiv 2201.09865).

At every Euler step the latents outside the stretch are put where the straight path from the seed's noise to the known
latents has them, as RePaint (arXiv 2201.09865) does for diffusion; the network continues its neighbourhood.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from deepsound.models.mmaudio.flow_matching import Field, time_grid


def inpaint(
    field: Field,
    noise: Tensor,
    known: Tensor,
    regenerate: Tensor,
    steps: int,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Latents [B, L, latent_dim]: `known` outside `regenerate`, sampled from `noise` within it.

    `known` are normalised latents like `noise`; `regenerate` [L] is true where the sound is made anew. With all of it
    true this is plain Euler sampling, with none it is `known`. `on_step(step, state)` is called before every step; what
    it raises ends the sampling. ValueError where shapes differ.
    """
    if known.shape != noise.shape or regenerate.shape != noise.shape[1:2]:
        raise ValueError(
            f"known latents {tuple(known.shape)} and a mask {tuple(regenerate.shape)} "
            f"do not fit noise {tuple(noise.shape)}"
        )
    anew = regenerate.to(noise.device)[None, :, None]
    state = noise
    for step, (time, following) in enumerate(pairwise(time_grid(steps))):
        if on_step is not None:
            on_step(step, state)
        at = time.to(state.device, state.dtype)
        state = state + (following - time) * field(state, at)
        path = (1 - following).to(state.device, state.dtype) * noise + following.to(state.device, state.dtype) * known
        state = torch.where(anew, state, path)
    return state
