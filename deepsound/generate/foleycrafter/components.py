"""When each of FoleyCrafter's networks is in memory: from first use in a stage to the stage's end, no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from deepsound.generate.foleycrafter.checkpoint import located
from deepsound.models.foleycrafter.diffusion import Denoiser
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.vocoder import Vocoder
from deepsound.runtime.execution import Execution, torch_device, torch_dtype
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress
from deepsound.runtime.running import running

# Bytes beside the weights while a network works, for a host that makes room: estimates for 10 s, rounded up.
_WORKING_BYTES = {
    "denoiser": 1 << 30,
    "autoencoder": 2 << 30,
    "text_encoder": 1 << 28,
    "image_encoder": 1 << 30,
    "onsets": 1 << 30,
    "vocoder": 1 << 29,
}
# Small networks that decide when something sounds, or that numbers of a spectrogram's depth go through: 16 bits would
# save little there.
_IN_FULL = ("autoencoder", "onsets", "vocoder")


class Networks:
    """All networks on one device in one precision, read from their files when they are used."""

    def __init__(self, execution: Execution, progress: Progress = Progress()) -> None:
        self.device = torch_device(execution)
        self.dtype = torch_dtype(execution, self.device)
        self.offload = execution.offload
        self.checkpoint = located(execution, progress)
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
        return torch.float32 if role in _IN_FULL else self.dtype

    def key(self, role: str) -> NetworkKey:
        """What identifies a network in memory, and what it makes among the kept features."""
        return NetworkKey.of(f"foleycrafter {role}", self.dtype_of(role), *self.checkpoint.sources(role))

    @contextmanager
    def stage(self, progress: Progress) -> Iterator[Stage]:
        """A stretch of work; networks used in it are released when it is over."""
        with torch.inference_mode(), ExitStack() as held:
            yield Stage(self, held, progress)

    def use(self, role: str, progress: Progress) -> AbstractContextManager[nn.Module]:
        builder = partial(self._builders[role], self.dtype_of(role))
        return running(
            self.key(role), builder, self.device, progress, working_bytes=_WORKING_BYTES[role], offload=self.offload
        )


class Stage:
    """The networks of one stretch of work, each loaded when first asked for."""

    def __init__(self, networks: Networks, held: ExitStack, progress: Progress) -> None:
        self.networks = networks
        self.checkpoint = networks.checkpoint
        self.device, self.dtype = networks.device, networks.dtype
        self._held = held
        self._progress = progress
        self._loaded: dict[str, nn.Module] = {}

    def denoiser(self) -> Denoiser:
        return cast(Denoiser, self._network("denoiser"))

    def onsets(self) -> OnsetDetector:
        return cast(OnsetDetector, self._network("onsets"))

    def vocoder(self) -> Vocoder:
        return cast(Vocoder, self._network("vocoder"))

    def autoencoder(self) -> Any:
        """Diffusers' AutoencoderKL."""
        return self._network("autoencoder")

    def text_encoder(self) -> Any:
        """Transformers' CLIPTextModel."""
        return self._network("text_encoder")

    def image_encoder(self) -> Any:
        """Transformers' CLIPVisionModelWithProjection."""
        return self._network("image_encoder")

    def _network(self, role: str) -> nn.Module:
        if role not in self._loaded:
            self._loaded[role] = self._held.enter_context(self.networks.use(role, self._progress))
        return self._loaded[role]
