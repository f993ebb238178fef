"""From noise to latents, by diffusers' own pipeline for Stable Diffusion with a ControlNet and an IP-Adapter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from deepsound.generate.foleycrafter.checkpoint import MEL_BINS, SHRINKING, Checkpoint
from deepsound.generate.foleycrafter.components import FoleyCrafterStage
from deepsound.generate.foleycrafter.conditions import Conditions, WindowConditions
from deepsound.generate.foleycrafter.request import Checked
from deepsound.models.foleycrafter.diffusion import Denoiser
from deepsound.models.foleycrafter.imports import library_class
from deepsound.models.foleycrafter.timing import COLUMNS
from deepsound.runtime.progress import Progress

# How much an IP-Adapter counts is kept in the network itself, which several runs may share.
_ALONE = threading.Lock()
_WAIT_S = 0.2


def latents_of(
    stage: FoleyCrafterStage, conditions: Conditions, asked: Checked, progress: Progress
) -> list[list[Tensor]]:
    """Latents [1, channels, 32, 128], as the autoencoder takes them, for each seed and each window.

    Noise is drawn in float32 on the device, as published, and one window after the other from one generator: the same
    seed is the same noise in every precision, and a longer clip begins as a shorter one.
    """
    total = len(asked.seeds) * len(conditions.windows)
    made: list[list[Tensor]] = []
    with _alone_with(stage.denoiser(), asked.settings.semantic_scale, progress):
        for seed in asked.seeds:
            generator = torch.Generator(stage.device).manual_seed(seed)
            takes: list[Tensor] = []
            for window in conditions.windows:
                done = sum(map(len, made)) + len(takes)
                part = progress.part(done / total, (done + 1) / total)
                takes.append(_sampled(stage, conditions, window, asked, generator, part))
            made.append(takes)
    return made


def pipeline(denoiser: Denoiser, checkpoint: Checkpoint) -> Any:
    """Diffusers' pipeline around networks that are in memory already; it shows no bar and loads nothing."""
    kind = library_class("diffusers", "StableDiffusionControlNetPipeline")
    made = kind(
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
    made.set_progress_bar_config(disable=True)
    return made


def _sampled(
    stage: FoleyCrafterStage,
    conditions: Conditions,
    window: WindowConditions,
    asked: Checked,
    generator: torch.Generator,
    progress: Progress,
) -> Tensor:
    pipe = pipeline(stage.denoiser(), stage.components.checkpoint)
    channels = stage.components.checkpoint.unet_settings["in_channels"]
    shape = (1, channels, MEL_BINS // SHRINKING, COLUMNS // SHRINKING)
    noise = torch.randn(shape, generator=generator, device=stage.device)
    image = window.image
    if asked.guidance > 1:
        image = torch.cat([torch.zeros_like(image), image])

    def report(pipe: Any, step: int, time: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        progress.update((step + 1) / pipe.num_timesteps)
        return tensors

    def here(tensor: Tensor) -> Tensor:
        return tensor.to(stage.device, stage.dtype)

    latents: Tensor = pipe(
        prompt_embeds=here(conditions.text),
        negative_prompt_embeds=here(conditions.negative_text),
        image=window.timing.expand(1, 1, MEL_BINS, COLUMNS),
        ip_adapter_image_embeds=[here(image).unsqueeze(1)],
        latents=here(noise),
        num_inference_steps=asked.steps,
        guidance_scale=asked.guidance,
        controlnet_conditioning_scale=float(asked.settings.temporal_scale),
        output_type="latent",
        return_dict=False,
        callback_on_step_end=report,
    )[0]
    return latents


@contextmanager
def _alone_with(denoiser: Denoiser, semantic_scale: float, progress: Progress) -> Iterator[None]:
    """Inside, the IP-Adapter counts so much, and nobody else's run changes it."""
    while not _ALONE.acquire(timeout=_WAIT_S):
        progress.check()
    try:
        for processor in denoiser.unet.attn_processors.values():
            if hasattr(processor, "to_k_ip"):
                processor.scale = [semantic_scale]
        yield
    finally:
        denoiser.hint.forget()
        _ALONE.release()
