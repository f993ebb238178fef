"""DDIM sampling of one or two modalities, aligned after each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.aligner.guide import Branch, GuideSettings, align, is_guided
from deepsound.generate.aligner.losses import Pair
from deepsound.runtime.progress import Progress


@dataclass
class Sampler:
    """One modality's diffusion: diffusers' DDIM `scheduler`, the latents, and the prompt's embedding.

    `predict` gives the guided noise of latents at a timestep under a prompt, `embed` the embedding [1, width] of clean
    latents. `rate` and `prompt_rate` are the aligner's step sizes; where both are 0 it only is looked at.
    """

    name: str
    scheduler: Any
    predict: Callable[[Tensor, Tensor, Tensor], Tensor]
    embed: Callable[[Tensor], Tensor]
    latents: Tensor
    prompt: Tensor
    rate: float
    prompt_rate: float = 0.0


@dataclass(frozen=True)
class Alignment:
    """What the latents are aligned with: constant embeddings by modality, pairs of modalities, and when."""

    constants: Mapping[str, Tensor]
    pairs: Sequence[Pair]
    settings: GuideSettings


def sample(
    samplers: Sequence[Sampler], alignment: Alignment, steps: int, progress: Progress
) -> tuple[list[Tensor], list[dict[str, float]]]:
    """The clean latents of each sampler, and the distances before each update.

    With rates of 0 these are the plain pipelines' latents, bit for bit. Raises EngineError where a gradient is not
    finite, and whatever `progress` raises to cancel: before each network and each step.
    """
    for sampler in samplers:
        sampler.scheduler.set_timesteps(steps, device=sampler.latents.device)
    is_aligned = any(sampler.rate or sampler.prompt_rate for sampler in samplers)
    history = []
    for step in range(steps):
        guided = is_aligned and is_guided(step, steps, alignment.settings)
        branches = [_denoise(sampler, step, guided, progress) for sampler in samplers]
        if guided:
            history.append(
                align(branches, alignment.constants, alignment.pairs, alignment.settings, step, progress.check)
            )
            for sampler, branch in zip(samplers, branches, strict=True):
                sampler.latents = branch.latents
                sampler.prompt = sampler.prompt if branch.prompt is None else branch.prompt
        progress.update((step + 1) / steps)
    return [sampler.latents for sampler in samplers], history


def _denoise(sampler: Sampler, step: int, guided: bool, progress: Progress) -> Branch:
    """One DDIM step; the noise keeps its graph where the prompt is tuned by it."""
    progress.check()
    time = sampler.scheduler.timesteps[step]
    tuned = guided and sampler.prompt_rate > 0
    prompt = sampler.prompt.detach().clone().requires_grad_(True) if tuned else sampler.prompt
    with torch.set_grad_enabled(tuned):
        noise = sampler.predict(sampler.latents, time, prompt)
    sampler.latents = sampler.scheduler.step(noise.detach(), time, sampler.latents).prev_sample
    return Branch(
        sampler.name,
        sampler.embed,
        sampler.rate,
        sampler.latents,
        noise,
        float(sampler.scheduler.alphas_cumprod[int(time)]),
        prompt if tuned else None,
        sampler.prompt_rate if tuned else 0.0,
    )
