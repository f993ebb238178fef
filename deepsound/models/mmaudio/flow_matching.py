"""Flow matching of MMAudio: Euler sampler with classifier-free guidance."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from deepsound.models.mmaudio.conditions import PreprocessedConditions
from deepsound.models.mmaudio.model import MMAudio

# (latent [B, L, width], time []) -> velocity [B, L, width]
Field = Callable[[Tensor, Tensor], Tensor]


def initial_noise(shape: tuple[int, int, int], seed: int, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Standard normal [B, L, latent_dim], drawn in `dtype` on `device`: each dtype and each kind of device has its own.

    Another draw of the same seed rounded to `dtype` is other noise and leads to another sound.
    """
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype, device=device)


def classifier_free_guidance(
    network: MMAudio, conditions: PreprocessedConditions, empty_conditions: PreprocessedConditions, cfg_strength: float
) -> Field:
    """Classifier-free guidance (arXiv 2207.12598): cfg_strength * v(conditions) + (1 - cfg_strength) * v(empty).

    `empty_conditions` are the learned empty features, or those of a negative prompt. Both are evaluated as one batch.
    Below a strength of 1 only `conditions` count, as in the original.
    """
    if cfg_strength < 1.0:
        return lambda latent, time: network(latent, time, conditions)
    both = conditions.concatenate(empty_conditions)

    def field(latent: Tensor, time: Tensor) -> Tensor:
        conditional, unconditional = network(latent, time, both).chunk(2)
        return cfg_strength * conditional + (1 - cfg_strength) * unconditional

    return field


def time_grid(steps: int) -> Tensor:
    """`steps` + 1 times from 0 (noise) to 1 (sound), float32 on the CPU; ValueError without a step."""
    if steps < 1:
        raise ValueError(f"sampling needs at least one step, not {steps}")
    return torch.linspace(0, 1, steps + 1, dtype=torch.float32, device="cpu")


def euler(field: Field, noise: Tensor, steps: int, on_step: Callable[[int, Tensor], None] | None = None) -> Tensor:
    """Latents [B, L, latent_dim] after `steps` equal steps from `noise`, in its dtype throughout.

    `on_step(step, state)` is called before every step; what it raises ends the sampling.
    """
    times = time_grid(steps)
    state = noise
    for step, (time, following) in enumerate(pairwise(times)):
        if on_step is not None:
            on_step(step, state)
        state = state + (following - time) * field(state, time.to(state.device, state.dtype))
    return state
