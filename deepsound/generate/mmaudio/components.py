"""MMAudio's networks: locating their files, loading each on first use within a stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch
from torch import nn

from deepsound.errors import EngineError
from deepsound.generate.clip_tokenizer import installed_table
from deepsound.generate.mmaudio import checkpoint as build
from deepsound.generate.mmaudio import text_encoder as t5
from deepsound.generate.mmaudio.request import SELVA, engine_name
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.lengths import LATENTS_16K, LATENTS_44K, LatentRate
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.text_steered import TextSteeredSynchformer
from deepsound.models.t5.encoder import T5TextEncoder
from deepsound.models.vae.model import MelVae
from deepsound.runtime.components import Components, Stage
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress
from deepsound.weights.lora import lora_file
from deepsound.weights.resolve import resolve_all, resolve_or_download


@dataclass(frozen=True)
class VariantParts:
    """A variant's parts, by catalogue id, and the rate of its latents; `text_encoder` is SelVA's, which steers sync."""

    flow: str
    autoencoder: str
    vocoder: str
    rate: LatentRate
    clip: str = "clip/dfn5b_h14_384"
    synchformer: str = "synchformer/visual"
    byte_pairs: str = "clip/bpe"
    text_encoder: str = ""

    def roles(self) -> dict[str, str]:
        """Catalogue ids of the networks by what they do."""
        steering = {"text_encoder": self.text_encoder} if self.text_encoder else {}
        return {
            "flow": self.flow,
            "autoencoder": self.autoencoder,
            "vocoder": self.vocoder,
            "clip": self.clip,
            "synchformer": self.synchformer,
            **steering,
        }


def variant_parts(variant: str) -> VariantParts:
    """The parts of a published variant, `small_16k` for one, or of `selva`."""
    if variant == SELVA:
        return replace(
            variant_parts("small_16k"),
            flow="selva/small_16k",
            synchformer="selva/video_encoder",
            text_encoder="t5/flan_t5_base",
        )
    flow = f"mmaudio/{variant}"
    if variant.endswith("16k"):
        return VariantParts(flow, "mmaudio/vae_16k", "mmaudio/vocoder_16k", LATENTS_16K)
    return VariantParts(flow, "mmaudio/vae_44k", "bigvgan/v2_44k", LATENTS_44K)


def locate_weights(
    variant: str,
    execution: Execution,
    progress: Progress = Progress(),
) -> tuple[VariantParts, dict[str, Path]]:
    """Where the parts of a variant lie, by role. Raises MissingWeightsError naming all that are missing.

    A flow network that was named explicitly says itself what it needs beside it: its tensors tell its latents' rate.
    """
    parts = variant_parts(variant)
    if parts.flow in execution.weights:
        flow = resolve_or_download(parts.flow, execution, progress)
        if build.makes_16k_latents(flow) != (parts.rate is LATENTS_16K):
            other = variant_parts("small_44k" if parts.rate is LATENTS_16K else "small_16k")
            parts = replace(parts, autoencoder=other.autoencoder, vocoder=other.vocoder, rate=other.rate)
    table = () if installed_table() else (parts.byte_pairs,)
    found = resolve_all((*parts.roles().values(), *table), execution, progress, engine_name(variant))
    return parts, {
        role: t5.weights_in(found[name]) if role == "text_encoder" else found[name]
        for role, name in parts.roles().items()
    }


class MMAudioComponents(Components):
    """A variant's networks on one device in one precision, read from their files when they are used."""

    # Estimates at 8 s in 16 bit, rounded up.
    working_bytes = MappingProxyType(
        {
            "flow": 1 << 30,
            "autoencoder": 1 << 28,
            "encoder": 1 << 28,
            "vocoder": 1 << 30,
            "clip": 3 << 29,
            "synchformer": 3 << 29,
            "text_encoder": 1 << 28,
        }
    )

    def __init__(self, variant: str, execution: Execution, progress: Progress = Progress()) -> None:
        super().__init__(execution)
        parts, self._files = locate_weights(variant, execution, progress)
        self.roles = tuple(self._files)
        # One file holds both halves of the autoencoder; generation alone reads only the decoder.
        self._files["encoder"] = self._files["autoencoder"]
        self.rate = parts.rate
        self.is_steered = bool(parts.text_encoder)
        self.byte_pairs = installed_table() or resolve_or_download(parts.byte_pairs, execution, progress)
        self._loras = execution.loras
        must_be = "" if parts.flow in execution.weights else "small_16k" if variant == SELVA else variant
        self._builders: dict[str, Callable[[Path, torch.dtype], nn.Module]] = {
            "flow": partial(build.flow_network, variant=must_be, loras=self._loras),
            "autoencoder": build.autoencoder,
            "encoder": build.encoder,
            "vocoder": partial(build.vocoder, exact_output=self.device.type == "cpu"),
            # SelVA looks at no pictures with CLIP: its picture tower, 1.3 GB in 16 bit, is not even loaded.
            "clip": partial(build.clip, images=not self.is_steered),
            "synchformer": build.steered_synchformer if self.is_steered else build.synchformer,
            "text_encoder": t5.text_encoder,
        }

    def key(self, role: str) -> NetworkKey:
        name = "clip_text" if self.is_steered and role == "clip" else role
        files = build.sources(role, self._files[role])
        if role == "flow" and self._loras:
            name = f"flow with {', '.join(f'{strength:g}' for _, strength in self._loras)}"
            files = (*files, *(lora_file(path) for path, _ in self._loras))
        return NetworkKey.of(name, self.dtype_of(role), *files)

    def dtype_of(self, role: str) -> torch.dtype:
        # T5's states leave the range of float16.
        is_t5_in_half = role == "text_encoder" and self.dtype is torch.float16
        return torch.float32 if is_t5_in_half else self.dtype

    @property
    def text_folder(self) -> Path:
        """The folder of SelVA's text encoder. Raises EngineError for a variant without one."""
        if not self.is_steered:
            raise EngineError("expected the variant selva, got one whose sync features no text steers; choose selva.")
        return self._files["text_encoder"].parent

    def builder(self, role: str) -> Callable[[], nn.Module]:
        return partial(self._builders[role], self._files[role], self.dtype_of(role))

    def stage(self, progress: Progress) -> MMAudioStage:
        """A context whose networks are released when it ends."""
        return MMAudioStage(self, progress)


class MMAudioStage(Stage[MMAudioComponents]):
    """MMAudio's networks within one stage, by name."""

    def clip(self) -> CLIP:
        return cast(CLIP, self.network("clip"))

    def synchformer(self) -> Synchformer:
        return cast(Synchformer, self.network("synchformer"))

    def steered_synchformer(self) -> TextSteeredSynchformer:
        return cast(TextSteeredSynchformer, self.network("synchformer"))

    def text_encoder(self) -> T5TextEncoder:
        return cast(T5TextEncoder, self.network("text_encoder"))

    def flow(self) -> MMAudio:
        return cast(MMAudio, self.network("flow"))

    def autoencoder(self) -> MelVae:
        return cast(MelVae, self.network("autoencoder"))

    def encoder(self) -> MelVae:
        return cast(MelVae, self.network("encoder"))

    def vocoder(self) -> BigVgan:
        return cast(BigVgan, self.network("vocoder"))
