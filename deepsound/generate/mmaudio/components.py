"""When each of MMAudio's networks is in memory: a stage holds what it uses from first use to its end, no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import nn

from deepsound.generate.mmaudio import checkpoint as build
from deepsound.generate.mmaudio.tokenizer import installed_table
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.model import Clip
from deepsound.models.mmaudio.lengths import LATENTS_16K, LATENTS_44K, LatentRate
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.model import MelVae
from deepsound.runtime.execution import Execution, torch_device, torch_dtype
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress
from deepsound.runtime.running import running
from deepsound.weights.resolve import resolve_all, resolve_or_download


@dataclass(frozen=True)
class Recipe:
    """A variant's parts, by catalogue id, and the rate of its latents."""

    flow: str
    autoencoder: str
    vocoder: str
    rate: LatentRate
    clip: str = "clip/dfn5b_h14_384"
    synchformer: str = "synchformer/visual"
    byte_pairs: str = "clip/bpe"

    def roles(self) -> dict[str, str]:
        """Catalogue ids of the networks by what they do."""
        return {
            "flow": self.flow,
            "autoencoder": self.autoencoder,
            "vocoder": self.vocoder,
            "clip": self.clip,
            "synchformer": self.synchformer,
        }


def recipe_of(variant: str) -> Recipe:
    """The parts of a published variant, `small_16k` for one."""
    flow = f"mmaudio/{variant}"
    if variant.endswith("16k"):
        return Recipe(flow, "mmaudio/vae_16k", "mmaudio/vocoder_16k", LATENTS_16K)
    return Recipe(flow, "mmaudio/vae_44k", "bigvgan/v2_44k", LATENTS_44K)


# Bytes beside the weights while a network works, for a host that makes room: estimates at 8 s in 16 bit, rounded up.
_WORKING_BYTES = {"flow": 1 << 30, "autoencoder": 1 << 28, "vocoder": 1 << 30, "clip": 3 << 29, "synchformer": 3 << 29}


def located(
    variant: str,
    execution: Execution,
    progress: Progress = Progress(),
) -> tuple[Recipe, dict[str, Path]]:
    """Where the parts of a variant lie, by role. Raises MissingWeightsError naming all that are missing.

    A flow network that was named explicitly says itself what it needs beside it: its tensors tell its latents' rate.
    """
    recipe = recipe_of(variant)
    if recipe.flow in execution.weights:
        flow = resolve_or_download(recipe.flow, execution, progress)
        if build.is_at_16k(flow) != (recipe.rate is LATENTS_16K):
            recipe = replace(recipe_of("small_44k" if recipe.rate is LATENTS_16K else "small_16k"), flow=recipe.flow)
    table = () if installed_table() else (recipe.byte_pairs,)
    found = resolve_all((*recipe.roles().values(), *table), execution, progress, f"mmaudio_{variant}")
    return recipe, {role: found[name] for role, name in recipe.roles().items()}


class Networks:
    """A variant's networks on one device in one precision, read from their files when they are used."""

    def __init__(self, variant: str, execution: Execution, progress: Progress = Progress()) -> None:
        self.device = torch_device(execution)
        self.dtype = torch_dtype(execution, self.device)
        self.offload = execution.offload
        recipe, self._files = located(variant, execution, progress)
        self.rate = recipe.rate
        self.byte_pairs = installed_table() or resolve_or_download(recipe.byte_pairs, execution, progress)
        must_be = "" if recipe.flow in execution.weights else variant
        self._builders: dict[str, Callable[[Path, torch.dtype], nn.Module]] = {
            "flow": partial(build.flow_network, variant=must_be),
            "autoencoder": build.autoencoder,
            "vocoder": build.vocoder,
            "clip": build.clip,
            "synchformer": build.synchformer,
        }

    def key(self, role: str) -> NetworkKey:
        """What identifies a network in memory, and what it makes among the kept features."""
        return NetworkKey.of(role, self.dtype, *build.sources(role, self._files[role]))

    @contextmanager
    def stage(self, progress: Progress) -> Iterator[Stage]:
        """A stretch of work; networks used in it are released when it is over."""
        with torch.inference_mode(), ExitStack() as held:
            yield Stage(self, held, progress)

    def use(self, role: str, progress: Progress) -> AbstractContextManager[nn.Module]:
        builder = partial(self._builders[role], self._files[role], self.dtype)
        return running(
            self.key(role), builder, self.device, progress, working_bytes=_WORKING_BYTES[role], offload=self.offload
        )


class Stage:
    """The networks of one stretch of work, each loaded when first asked for."""

    def __init__(self, networks: Networks, held: ExitStack, progress: Progress) -> None:
        self.networks = networks
        self.device, self.dtype = networks.device, networks.dtype
        self._held = held
        self._progress = progress
        self._loaded: dict[str, nn.Module] = {}

    def clip(self) -> Clip:
        return cast(Clip, self._network("clip"))

    def synchformer(self) -> Synchformer:
        return cast(Synchformer, self._network("synchformer"))

    def flow(self) -> MMAudio:
        return cast(MMAudio, self._network("flow"))

    def autoencoder(self) -> MelVae:
        return cast(MelVae, self._network("autoencoder"))

    def vocoder(self) -> BigVgan:
        return cast(BigVgan, self._network("vocoder"))

    def _network(self, role: str) -> nn.Module:
        if role not in self._loaded:
            self._loaded[role] = self._held.enter_context(self.networks.use(role, self._progress))
        return self._loaded[role]
