"""FoleyCrafter's networks, each loaded on first use within a stage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import nn

from deepsound.generate.foleycrafter.checkpoint import locate_checkpoint
from deepsound.models.foleycrafter.diffusion import Denoiser
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.vocoder import HiFiGan
from deepsound.runtime.components import Components, Stage
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress

# Small networks that decide when something sounds, or that numbers of a spectrogram's depth go through: 16 bits would
# save little there.
_IN_FLOAT32 = ("autoencoder", "onsets", "vocoder")


class FoleyCrafterComponents(Components):
    """All networks on one device in one precision, read from their files when they are used."""

    # Estimates for 10 s, rounded up.
    working_bytes = MappingProxyType(
        {
            "denoiser": 1 << 30,
            "autoencoder": 2 << 30,
            "text_encoder": 1 << 28,
            "image_encoder": 1 << 30,
            "onsets": 1 << 30,
            "vocoder": 1 << 29,
        }
    )

    def __init__(self, execution: Execution, progress: Progress = Progress()) -> None:
        super().__init__(execution)
        self.checkpoint = locate_checkpoint(execution, progress)
        self.checkpoint.check()
        self._builders: dict[str, Callable[[torch.dtype], nn.Module]] = {
            "denoiser": self.checkpoint.denoiser,
            "autoencoder": self.checkpoint.autoencoder,
            "text_encoder": self.checkpoint.text_network,
            "image_encoder": self.checkpoint.image_network,
            "onsets": self.checkpoint.onset_network,
            "vocoder": self.checkpoint.vocoder_network,
        }

    def dtype_of(self, role: str) -> torch.dtype:
        return torch.float32 if role in _IN_FLOAT32 else self.dtype

    def key(self, role: str) -> NetworkKey:
        return NetworkKey.of(f"foleycrafter {role}", self.dtype_of(role), *self.checkpoint.sources(role))

    def builder(self, role: str) -> Callable[[], nn.Module]:
        return partial(self._builders[role], self.dtype_of(role))

    def stage(self, progress: Progress) -> FoleyCrafterStage:
        """A context whose networks are released when it ends."""
        return FoleyCrafterStage(self, progress)


class FoleyCrafterStage(Stage[FoleyCrafterComponents]):
    """FoleyCrafter's networks within one stage, by name."""

    def denoiser(self) -> Denoiser:
        return cast(Denoiser, self.network("denoiser"))

    def onsets(self) -> OnsetDetector:
        return cast(OnsetDetector, self.network("onsets"))

    def vocoder(self) -> HiFiGan:
        return cast(HiFiGan, self.network("vocoder"))

    def autoencoder(self) -> Any:
        """Diffusers' AutoencoderKL."""
        return self.network("autoencoder")

    def text_encoder(self) -> Any:
        """Transformers' CLIPTextModel."""
        return self.network("text_encoder")

    def image_encoder(self) -> Any:
        """Transformers' CLIPVisionModelWithProjection."""
        return self.network("image_encoder")
