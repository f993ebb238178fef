"""Diffusion sampling with diffusers' Stable Diffusion, ControlNet and IP-Adapter pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.foleycrafter.checkpoint import MEL_BINS, VAE_SCALE_FACTOR, FoleyCrafterCheckpoint
from deepsound.generate.foleycrafter.components import FoleyCrafterStage
from deepsound.generate.foleycrafter.conditions import FoleyCrafterConditions, WindowConditions
from deepsound.generate.foleycrafter.request import FoleyCrafterRequest
from deepsound.models.foleycrafter.diffusion import Denoiser
from deepsound.models.foleycrafter.timing import COLUMNS
from deepsound.models.lazy_imports import library_class
from deepsound.runtime.progress import Progress

# How much an IP-Adapter counts is kept in the network itself, which several runs may share.
_ADAPTER_LOCK = threading.Lock()
_WAIT_S = 0.2


def sample_latents(
    stage: FoleyCrafterStage, conditions: FoleyCrafterConditions, request: FoleyCrafterRequest, progress: Progress
) -> list[list[Tensor]]:
    """Latents [1, channels, 32, 128], as the autoencoder takes them, for each seed and each window.

    Noise is drawn in float32 on the device, as published, and one window after the other from one generator: the same
    seed is the same noise in every precision, and a longer clip begins as a shorter one.
    """
    total = len(request.seeds) * len(conditions.windows)
    latents: list[list[Tensor]] = []
    with _adapter_scale(stage.denoiser(), request.settings.semantic_scale, progress):
        for seed in request.seeds:
            generator = torch.Generator(stage.device).manual_seed(seed)
            takes: list[Tensor] = []
            for window in conditions.windows:
                done = sum(map(len, latents)) + len(takes)
                part = progress.part(done / total, (done + 1) / total)
                takes.append(_sample(stage, conditions, window, request, generator, part))
            latents.append(takes)
    return latents


def pipeline(denoiser: Denoiser, checkpoint: FoleyCrafterCheckpoint) -> Any:
    """Diffusers' pipeline around networks that are in memory already; it shows no bar and loads nothing."""
    kind = library_class("diffusers", "StableDiffusionControlNetPipeline")
    pipe = kind(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        unet=denoiser.unet,
        controlnet=denoiser.controlnet,
        scheduler=checkpoint.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _sample(
    stage: FoleyCrafterStage,
    conditions: FoleyCrafterConditions,
    window: WindowConditions,
    request: FoleyCrafterRequest,
    generator: torch.Generator,
    progress: Progress,
) -> Tensor:
    pipe = pipeline(stage.denoiser(), stage.components.checkpoint)
    channels = stage.components.checkpoint.unet_settings["in_channels"]
    shape = (1, channels, MEL_BINS // VAE_SCALE_FACTOR, COLUMNS // VAE_SCALE_FACTOR)
    noise = torch.randn(shape, generator=generator, device=stage.device)
    image = window.image
    if request.guidance > 1:
        image = torch.cat([torch.zeros_like(image), image])

    def report(pipe: Any, step: int, time: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        progress.update((step + 1) / pipe.num_timesteps)
        return tensors

    def to_device(tensor: Tensor) -> Tensor:
        return tensor.to(stage.device, stage.dtype)

    latents: Tensor = pipe(
        prompt_embeds=to_device(conditions.text),
        negative_prompt_embeds=to_device(conditions.negative_text),
        image=window.timing.expand(1, 1, MEL_BINS, COLUMNS),
        ip_adapter_image_embeds=[to_device(image).unsqueeze(1)],
        latents=to_device(noise),
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        controlnet_conditioning_scale=float(request.settings.temporal_scale),
        cross_attention_kwargs=_adapter_mask(window, stage),
        output_type="latent",
        return_dict=False,
        callback_on_step_end=report,
    )[0]
    return latents


def _adapter_mask(window: WindowConditions, stage: FoleyCrafterStage) -> dict[str, Any] | None:
    """Where the image tokens count, [1, 1, 32, 128]: a latent that any hidden column falls into is hidden."""
    if window.seen is None:
        return None
    columns = window.seen.to(stage.device, stage.dtype).view(-1, VAE_SCALE_FACTOR).amin(dim=1)
    return {"ip_adapter_masks": [columns.expand(1, 1, MEL_BINS // VAE_SCALE_FACTOR, -1)]}


@contextmanager
def _adapter_scale(denoiser: Denoiser, semantic_scale: float, progress: Progress) -> Iterator[None]:
    """Inside, the IP-Adapter counts so much, and nobody else's run changes it."""
    while not _ADAPTER_LOCK.acquire(timeout=_WAIT_S):
        progress.check()
    try:
        for processor in denoiser.unet.attn_processors.values():
            if hasattr(processor, "to_k_ip"):
                processor.scale = [semantic_scale]
        yield
    finally:
        denoiser.hint.clear()
        _ADAPTER_LOCK.release()
