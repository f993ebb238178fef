"""AudioLDM within the aligner: folder, prompt, noise prediction, decoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.errors import EngineError
from deepsound.generate.aligner.components import AlignedStage, NetworkSource
from deepsound.generate.aligner.imagebind import embed_sound
from deepsound.generate.aligner.losses import AUDIO
from deepsound.generate.aligner.sampling import Sampler
from deepsound.models.audioldm import networks
from deepsound.models.autoencoder_names import autoencoder_state
from deepsound.models.lazy_imports import library_class
from deepsound.weights.diffusers_folder import DiffusersFolder, read_content

WEIGHTS = "audioldm/m_full"
SAMPLE_RATE = 16000
_ADVICE = f"Get it again with `deepsound models download {WEIGHTS}`, or name another one."
_PARTS: Mapping[str, tuple[Callable[[Mapping[str, Any]], Any], int, bool]] = {
    "unet": (networks.unet, 1 << 30, False),
    "vae": (networks.autoencoder, 2 << 30, True),
    "text_encoder": (networks.text_encoder, 1 << 28, False),
    "vocoder": (networks.vocoder, 2 << 30, True),
}
# From stored names to those of the network, where releases differ.
_CONVERT: Mapping[str, Callable[[Mapping[str, Tensor], nn.Module], Mapping[str, Tensor]]] = {
    "text_encoder": networks.text_state,
    "vae": lambda state, network: autoencoder_state(state),
}
_CLASSES = {"unet": ("UNet2DConditionModel",), "vae": ("AutoencoderKL",)}


@dataclass(frozen=True)
class AudioLdmFolder:
    """The published folder; everything raises EngineError, naming the file, where a part is missing or of no use."""

    path: Path

    @property
    def parts(self) -> DiffusersFolder:
        return DiffusersFolder(self.path, _ADVICE)

    def sources(self) -> dict[str, NetworkSource]:
        """Its networks by the roles `audioldm_unet` and the like."""
        return {
            f"audioldm_{part}": NetworkSource(self.parts.sources(part), partial(self._build, part), room, in_float32)
            for part, (_, room, in_float32) in _PARTS.items()
        }

    def weight_files(self) -> dict[str, Path]:
        return {f"audioldm_{part}": self.parts.weights_file(part) for part in _PARTS}

    def check(self) -> None:
        """Raise EngineError where the settings of two parts do not fit each other; no weights are read for it."""
        unet, vae, vocoder = (self.settings(part) for part in ("unet", "vae", "vocoder"))
        text = self.settings("text_encoder")
        self._require("unet", "in_channels", unet.get("in_channels"), vae.get("latent_channels"))
        self._require("unet", "class_embed_type", unet.get("class_embed_type"), "simple_projection")
        width = unet.get("projection_class_embeddings_input_dim")
        self._require("unet", "projection_class_embeddings_input_dim", width, text.get("projection_dim"))
        self._require("vocoder", "sampling_rate", vocoder.get("sampling_rate"), SAMPLE_RATE)

    def settings(self, part: str) -> dict[str, Any]:
        return self.parts.settings(part, *_CLASSES.get(part, ()))

    def scheduler(self) -> Any:
        """DDIM with the folder's noise schedule, new, since it keeps its state."""
        settings = self.parts.settings("scheduler")
        path = self.parts.settings_file("scheduler")
        return read_content(path, _ADVICE, library_class("diffusers", "DDIMScheduler").from_config, settings)

    def tokenizer(self) -> Any:
        """The text encoder's tokenizer; nothing is looked for anywhere else."""
        kind = library_class("transformers", "RobertaTokenizer")
        try:
            return kind.from_pretrained(str(self.path / "tokenizer"), local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EngineError(
                f"The tokenizer in {self.path / 'tokenizer'} cannot be read ({error}). {_ADVICE}"
            ) from error

    def latent_shape(self, duration_s: float) -> tuple[int, int, int, int]:
        """The latents' shape of so many seconds, rounded up to whole values."""
        unet, vae, vocoder = (self.settings(part) for part in ("unet", "vae", "vocoder"))
        scale = 2 ** (len(vae["block_out_channels"]) - 1)
        frames = int(duration_s * SAMPLE_RATE / math.prod(vocoder["upsample_rates"]))
        return 1, unet["in_channels"], math.ceil(frames / scale), vocoder["model_in_dim"] // scale

    def _build(self, part: str, dtype: torch.dtype) -> Any:
        build = partial(_PARTS[part][0], self.settings(part))
        return self.parts.network(part, build, dtype, _CONVERT.get(part))

    def _require(self, part: str, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise EngineError(
                f"The settings in {self.path / part} do not fit: expected {what} {expected}, got {found}. {_ADVICE}"
            )


def encode_prompt(stage: AlignedStage, tokenizer: Any, text: str) -> Tensor:
    """CLAP's pooled embedding [1, width] of unit length."""
    encoder = stage.network("audioldm_text_encoder")
    longest = min(int(tokenizer.model_max_length), encoder.config.max_position_embeddings - 2)
    ids = tokenizer([text], padding="max_length", max_length=longest, truncation=True, return_tensors="pt")
    embeddings = encoder(ids.input_ids.to(stage.device), attention_mask=ids.attention_mask.to(stage.device))
    return F.normalize(embeddings.text_embeds, dim=-1)


def draw_latents(folder: AudioLdmFolder, duration_s: float, seed: int, device: torch.device) -> Tensor:
    """Noise in float32 from the seed alone, the same in every precision."""
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(folder.latent_shape(duration_s), generator=generator, device=device)


def decode(stage: AlignedStage, latents: Tensor, samples: int) -> Tensor:
    """The waveform [1, samples] of clean latents, in float32."""
    vae, vocoder = stage.network("audioldm_vae"), stage.network("audioldm_vocoder")
    scaled = 1 / vae.config.scaling_factor * latents.float()
    spectrogram = stage.run(lambda given: vae.decode(given, return_dict=False)[0], scaled)
    waveform: Tensor = stage.run(vocoder, spectrogram.squeeze(1))
    return waveform[:, :samples]


def sampler(
    stage: AlignedStage,
    folder: AudioLdmFolder,
    latents: Tensor,
    prompts: tuple[Tensor, Tensor],
    guidance: float,
    windows: int,
    samples: int,
    rates: tuple[float, float],
) -> Sampler:
    """AudioLDM's sampler of one sound; `prompts` are the embeddings of what is wanted and what is not."""
    wanted, unwanted = prompts
    return Sampler(
        AUDIO,
        folder.scheduler(),
        partial(_predict, stage, unwanted, guidance),
        lambda clean: embed_sound(stage, decode(stage, clean, samples), windows),
        latents,
        wanted,
        *rates,
    )


def _predict(
    stage: AlignedStage, unwanted: Tensor, guidance: float, latents: Tensor, time: Tensor, prompt: Tensor
) -> Tensor:
    """The noise with classifier-free guidance, which a strength above 1 turns on."""
    unet = stage.network("audioldm_unet")
    given = latents.to(stage.components.dtype_of("audioldm_unet"))

    def run(label: Tensor, count: int) -> Tensor:
        noise = unet(torch.cat([given] * count), time, encoder_hidden_states=None, class_labels=label)
        return noise.sample.float()

    if guidance <= 1:
        alone: Tensor = stage.run(run, prompt, 1)
        return alone
    negative, positive = stage.run(run, torch.cat([unwanted, prompt]), 2).chunk(2)
    return negative + guidance * (positive - negative)
