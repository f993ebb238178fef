"""Goldens of Seeing and Hearing: 1 s windows, ImageBind's inputs, and the aligner's updates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.generate.aligner.front_ends import audio_windows, picture_values, video_windows
from deepsound.generate.aligner.guide import GuideSettings
from deepsound.generate.aligner.losses import VIDEO_TO_AUDIO
from deepsound.generate.aligner.sampling import Alignment, Sampler, sample
from deepsound.generate.aligner.windows import frame_pairs, sample_bounds, window_count, windows
from deepsound.models.imagebind.config import IMAGEBIND_HUGE
from deepsound.runtime.progress import Progress
from tests.goldens import logarithms
from tests.goldens.networks import ARITHMETIC, RELATIVE, group, tolerance

Rows = Iterator[tuple[str, Any, Any, float]]

# An Adam step is the sign of the gradient: where that is within rounding of zero it may turn, by twice the rate.
# Elsewhere float32 through ten steps of DDIM agrees to 1e-4 (FACTS.md, section 6).
_LATENTS = 1e-4
# Kaldi's mel scale in float32: its values round to half of 2.4e-4 at 2048 mel, two of them to a filter's edge 22 mel
# wide, on both sides of the comparison: 2.2e-5 of a bin's power, half of that of its magnitude.
_MAGNITUDES = ARITHMETIC + 1.1e-5
# The logarithm's gradient divides by the power, so bins near the floor, whose powers are rounding, weigh in.
_GRADIENT = 1e-2


def compare_windows(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    for row in golden["rows"]:
        seconds = Fraction(str(row["seconds"]))
        name = f"{row['seconds']} s"
        yield f"{name} clips", window_count(seconds), row["clips"], 0.0
        got = [[float(time) for time in span] for span in windows(seconds, row["clips"])]
        yield f"{name} windows", got, row["windows"], 1e-9
        bounds = sample_bounds(round(seconds * 16000), row["clips"])
        yield f"{name} samples", bounds, row["samples_at_16k"], 0.0


def compare_audio(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    wave = (torch.from_numpy(tensors["inputs/pcm"]).float() / 32768).requires_grad_(True)
    audio = IMAGEBIND_HUGE.audio
    mels = (audio_windows(wave, golden["settings"]["clips_per_video"]) - audio.mean) / audio.std
    expected = group(tensors, "outputs")
    nats = partial(torch.mul, other=audio.std / 2)
    got = mels.detach().unsqueeze(2)
    values = expected["spectrograms"]
    for row in logarithms.compare("spectrograms", got, values, tolerance(values), nats, dim=-2):
        yield (*row[:3], _MAGNITUDES) if row[0].endswith("magnitudes") else row
    (gradient,) = torch.autograd.grad((mels**2).mean(), wave)
    size = float(expected["gradient_norm"])
    if "gradient" in expected:
        difference = (gradient - expected["gradient"]).norm() / size
        yield "gradient, relative difference", difference, 0.0, _GRADIENT
    yield "gradient_norm", gradient.norm()[None] / size, torch.ones(1), _GRADIENT


def compare_video(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    settings, vision = golden["settings"], IMAGEBIND_HUGE.vision
    frames = torch.from_numpy(tensors["inputs/frames"])
    pairs = frame_pairs(len(frames), settings["fps"], settings["clips_per_video"])
    expected = group(tensors, "outputs")
    yield "picked", pairs, expected["picked"], 0.0
    pictures = picture_values(frames.permute(0, 3, 1, 2).float() / 255)
    pieces = video_windows(pictures, pairs)
    mean, std = (torch.tensor(values)[:, None, None, None] for values in (vision.mean, vision.std))
    got = (pieces - mean) / std
    # Normalising before or after a linear resizing is the same but for rounding.
    rounding = RELATIVE * float(expected["pixels_every_7th"].abs().max())
    yield "pixels_every_7th", got[..., ::7, ::7], expected["pixels_every_7th"], rounding
    yield "mean_per_channel", got.mean(dim=(-2, -1)), expected["mean_per_channel"], rounding
    yield "rows_mean_first_clip", got[0, 0].mean(dim=-1), expected["rows_mean_first_clip"], rounding


def compare_update(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    """The published loop with linear stand-ins for the networks, through the product's own sampler and guide."""
    settings, given, expected = golden["settings"], group(tensors, "inputs"), group(tensors, "outputs")
    estimates: list[Tensor] = []
    after_step: list[Tensor] = []

    def embed(clean: Tensor) -> Tensor:
        estimates.append(clean.detach()[0])
        return torch.tanh(given["B"] @ clean.flatten())[None] @ given["D"].T

    scheduler = _ddim(after_step)
    sampler = Sampler(
        "audio",
        scheduler,
        partial(_noise, given, settings["guidance_scale"]),
        embed,
        given["latent"],
        given["cond"],
        settings["learning_rate"],
    )
    guide = GuideSettings(settings["optimization_starting_point"], settings["num_optimization_steps"])
    alignment = Alignment({"text": given["text_embed"], "video": given["vision_embed"]}, VIDEO_TO_AUDIO, guide)
    aligned: list[Tensor] = []
    progress = Progress(on_event=lambda event: aligned.append(sampler.latents[0]))
    (latents,), _ = sample([sampler], alignment, settings["num_inference_steps"], progress)
    yield "timesteps", scheduler.timesteps, expected["timesteps"], 0.0
    alphas = scheduler.alphas_cumprod[scheduler.timesteps]
    yield "alphas_cumprod_at_timesteps", alphas, expected["alphas_cumprod_at_timesteps"], 1e-6
    yield "after_scheduler_step", torch.stack(after_step), expected["after_scheduler_step"], _LATENTS
    yield "after_alignment", torch.stack(aligned), expected["after_alignment"], _LATENTS
    yield (
        "x0_estimates",
        torch.stack(estimates),
        expected["x0_estimates"],
        _LATENTS * math.sqrt(1 / float(alphas.min())),
    )
    yield "last latents", latents[0], expected["after_alignment"][-1], _LATENTS


def _noise(given: dict[str, Tensor], guidance: float, latents: Tensor, time: Tensor, prompt: Tensor) -> Tensor:
    negative, positive = (
        given["A"] @ latents.flatten() + 0.02 * torch.sin(row.sum() * given["c"][0]) + 0.0002 * time for row in prompt
    )
    return (negative + guidance * (positive - negative)).view_as(latents)


def _ddim(after_step: list[Tensor]) -> Any:
    from diffusers import DDIMScheduler

    class Recorded(DDIMScheduler):
        def step(self, *given: Any, **options: Any) -> Any:
            made = super().step(*given, **options)
            after_step.append(made.prev_sample[0])
            return made

    return Recorded(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
