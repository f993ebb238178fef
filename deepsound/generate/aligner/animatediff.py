"""AnimateDiff within the aligner: files, prompt, noise prediction, decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.generate.aligner.components import AlignedStage, NetworkSource
from deepsound.generate.aligner.front_ends import picture_values
from deepsound.generate.aligner.imagebind import embed_pictures
from deepsound.generate.aligner.losses import VIDEO
from deepsound.generate.aligner.picture_model import WRAPPERS, PictureModel, picture_model
from deepsound.generate.aligner.sampling import Sampler
from deepsound.generate.clip_tokenizer import tokenizer
from deepsound.models.animatediff import networks
from deepsound.models.clip.tokenizer import OPENAI_MARKS
from deepsound.models.lazy_imports import library_class
from deepsound.weights.diffusers_folder import load_network, on_meta, read_content
from deepsound.weights.load import read_tensors

ADAPTER = "animatediff/motion_adapter"
# Pixels to a value of the latents, each way.
LATENT_SCALE = 8
_LATENT_CHANNELS = 4
_ADVICE = f"Choose an adapter for Stable Diffusion 1.5, or get one with `deepsound models download {ADAPTER}`."


@dataclass(frozen=True)
class AnimateDiffFiles:
    """Stable Diffusion 1.5 (one file, or the UNet of a diffusers folder) and a motion adapter.

    EngineError, naming the file, where one is another.
    """

    base: Path
    adapter: Path

    def sources(self) -> dict[str, NetworkSource]:
        """The networks by the roles `animatediff_unet` and the like."""
        base = self._base
        unet_files = (*base.files("unet"), self.adapter)
        return {
            "animatediff_unet": NetworkSource(unet_files, self._unet, 4 << 30),
            "animatediff_vae": NetworkSource(base.files("vae"), base.autoencoder, 4 << 30, in_float32=True),
            "animatediff_text_encoder": NetworkSource(base.files("text_encoder"), base.text_encoder, 1 << 28),
        }

    def weight_files(self) -> dict[str, Path]:
        return {"stable_diffusion": self.base, "motion_adapter": self.adapter}

    def check(self) -> None:
        """Raise EngineError where a file is of another base model; its tensors are mapped, none is read."""
        settings = self._base.unet_settings
        read_content(self.adapter, _ADVICE, networks.require_same_base, settings, self._adapter_state)

    @cached_property
    def most_frames(self) -> int:
        """How many frames the adapter has positions for."""
        return networks.most_frames(self._adapter_state)

    @cached_property
    def _base(self) -> PictureModel:
        return picture_model(self.base)

    @cached_property
    def _adapter_state(self) -> dict[str, Tensor]:
        return read_content(self.adapter, _ADVICE, networks.adapter_state, read_tensors(self.adapter, WRAPPERS))

    def _unet(self, dtype: torch.dtype) -> nn.Module:
        adapter = self._adapter_state
        build = partial(networks.motion_unet, self._base.unet_settings, adapter)
        state = networks.motion_state(on_meta(self.adapter, _ADVICE, build), self._base.unet_state(), adapter)
        return load_network(self.adapter, build, state, dtype, _ADVICE)


@dataclass(frozen=True)
class VideoFormat:
    """The video's form: `frames` of `width` x `height` pixels, `fps` of them a second."""

    frames: int
    fps: float
    width: int
    height: int

    @property
    def duration_s(self) -> float:
        return self.frames / self.fps

    @property
    def latent_shape(self) -> tuple[int, int, int, int, int]:
        height, width = self.height // LATENT_SCALE, self.width // LATENT_SCALE
        return 1, _LATENT_CHANNELS, self.frames, height, width


def scheduler() -> Any:
    """DDIM with AnimateDiff's own noise schedule."""
    return library_class("diffusers", "DDIMScheduler").from_config(dict(networks.SCHEDULER_SETTINGS))


def encode_prompt(stage: AlignedStage, text: str, table: Path) -> Tensor:
    """CLIP's states [1, 77, width] of a text, padded with its end mark."""
    ids = tokenizer(table, OPENAI_MARKS)([text])
    end = int(ids.argmax())
    ids[0, end:] = ids[0, end]
    states: Tensor = stage.network("animatediff_text_encoder")(input_ids=ids.to(stage.device))[0]
    return states


def draw_latents(picture: VideoFormat, seed: int, device: torch.device) -> Tensor:
    """Noise in float32 from the seed alone, the same in every precision."""
    return torch.randn(picture.latent_shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def decode(stage: AlignedStage, latents: Tensor, frames: Sequence[int]) -> Iterator[Tensor]:
    """Those `frames` of clean latents, one at a time: pictures [1, 3, height, width] in [0, 1], in float32."""
    vae = stage.network("animatediff_vae")
    for frame in frames:
        scaled = 1 / vae.config.scaling_factor * latents[:, :, frame].float()
        pixels = stage.run(lambda given: vae.decode(given, return_dict=False)[0], scaled)
        yield (pixels / 2 + 0.5).clamp(0, 1)


def sampler(
    stage: AlignedStage,
    latents: Tensor,
    prompts: tuple[Tensor, Tensor],
    guidance: float,
    pairs: Sequence[tuple[int, int]],
    rates: tuple[float, float],
) -> Sampler:
    """AnimateDiff's sampler of one video; of its frames only those of `pairs` are decoded for ImageBind."""
    wanted, unwanted = prompts
    return Sampler(
        VIDEO,
        scheduler(),
        partial(_predict, stage, unwanted, guidance),
        partial(_embed, stage, pairs),
        latents,
        wanted,
        *rates,
    )


def _embed(stage: AlignedStage, pairs: Sequence[tuple[int, int]], clean: Tensor) -> Tensor:
    needed = sorted({frame for pair in pairs for frame in pair})
    pictures = torch.cat([picture_values(picture) for picture in decode(stage, clean, needed)])
    place = {frame: row for row, frame in enumerate(needed)}
    return embed_pictures(stage, pictures, [(place[first], place[last]) for first, last in pairs])


def _predict(
    stage: AlignedStage, unwanted: Tensor, guidance: float, latents: Tensor, time: Tensor, prompt: Tensor
) -> Tensor:
    """The noise with classifier-free guidance, which a strength above 1 turns on; the prompt is that of every frame."""
    unet = stage.network("animatediff_unet")
    given, frames = latents.to(stage.components.dtype_of("animatediff_unet")), latents.shape[2]
    texts = [prompt] if guidance <= 1 else [unwanted, prompt]
    states = torch.cat(texts).repeat_interleave(frames, dim=0)
    with _checkpointing(unet, stage.components.recompute):
        noise = unet(torch.cat([given] * len(texts)), time, encoder_hidden_states=states).sample.float()
    if len(texts) == 1:
        return noise
    negative, positive = noise.chunk(2)
    return negative + guidance * (positive - negative)


@contextmanager
def _checkpointing(unet: Any, wanted: bool) -> Iterator[None]:
    """Inside, the UNet keeps the activations between its blocks alone, where that is `wanted`."""
    if not (wanted and torch.is_grad_enabled()):
        yield
        return
    unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        unet.disable_gradient_checkpointing()
