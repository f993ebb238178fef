"""One 8 s clip through MMAudio's networks on a device, with random weights.

Decoding is left out: it shows what a run costs beside it.

Not run where it was written, for want of a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from deepsound.generate.mmaudio.compilation import CompiledField
from deepsound.generate.mmaudio.cuda_graph import with_cuda_graph
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K, BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.config import DFN5B_VIT_H_14_384, ClipConfig
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.config import VARIANTS, FlowConfig
from deepsound.models.mmaudio.flow_matching import Field, classifier_free_guidance, euler, initial_noise
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.config import SYNCHFORMER, SynchformerConfig
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.config import VAE_16K, VAE_44K, VaeConfig
from deepsound.models.vae.model import MelVae
from deepsound.runtime.progress import Progress

FRAMES_AT_ONCE = 2048


class ClipSizes(Protocol):
    """The sizes of a variant's five networks."""

    flow: FlowConfig
    vae: VaeConfig
    vocoder: BigVganConfig
    clip: ClipConfig
    synchformer: SynchformerConfig


def published_sizes(variant: str) -> ClipSizes:
    """The published sizes of a variant."""
    is_16k = VARIANTS[variant].latents is LATENTS_16K
    return cast(
        ClipSizes,
        SimpleNamespace(
            flow=VARIANTS[variant].flow,
            vae=VAE_16K if is_16k else VAE_44K,
            vocoder=BIGVGAN_16K if is_16k else BIGVGAN_V2_44K,
            clip=DFN5B_VIT_H_14_384,
            synchformer=SYNCHFORMER,
        ),
    )


@torch.inference_mode()
def seconds(
    variant: str,
    device: torch.device,
    dtype: torch.dtype = torch.bfloat16,
    duration_s: float = 8.0,
    steps: int = 25,
    sizes: ClipSizes | None = None,
    graph: bool = True,
    compiled: bool = False,
) -> dict[str, float]:
    """Seconds of every part and of all, the second of two runs; weights are on the device all along.

    `sizes` replaces the published sizes; the sampler's step runs as a CUDA graph with `graph`, through torch.compile
    with `compiled`.
    """
    rate = VARIANTS[variant].latents
    sizes = sizes or published_sizes(variant)
    flow, lengths = sizes.flow, sequence_lengths(duration_s, rate)

    def on_device(network: nn.Module) -> Any:
        for tensor in [*network.parameters()]:
            tensor.data.normal_(0.0, 0.02)
        return network.to(device, dtype).eval().requires_grad_(False)

    clip, sync = on_device(CLIP(sizes.clip)), on_device(Synchformer(sizes.synchformer))
    network, autoencoder = on_device(MMAudio(flow)), on_device(MelVae(sizes.vae, with_encoder=False))
    waveforms = on_device(BigVgan(sizes.vocoder))
    pictures = torch.rand(lengths.clip, 3, 384, 384, device=device, dtype=dtype)
    video = torch.rand(1, lengths.sync + 8, 3, 224, 224, device=device, dtype=dtype)
    words = torch.zeros(1, flow.text_seq_len, dtype=torch.long, device=device)

    def latents(seen: Tensor, heard: Tensor, said: Tensor) -> Tensor:
        wanted = network.preprocess_conditions(lengths, seen, heard, said)
        field = classifier_free_guidance(network, wanted, network.preprocess_conditions(lengths), 4.5)
        field = _stepped(field, device, graph, compiled)
        noise = initial_noise((1, lengths.latent, flow.latent_dim), 42, dtype, device)
        return euler(field, noise, steps).transpose(1, 2)

    def run() -> dict[str, float]:
        taken: dict[str, float] = {}
        seen = _time_stage(
            taken, "CLIP", device, lambda: torch.cat([clip.encode_image(part) for part in pictures.split(40)])[None]
        )
        heard = _time_stage(taken, "Synchformer", device, lambda: sync(video))
        said = _time_stage(taken, "text", device, lambda: clip.encode_text(words))
        made = _time_stage(taken, "sampling", device, lambda: latents(seen, heard, said))
        mel = _time_stage(taken, "autoencoder", device, lambda: autoencoder.decode(made))
        _time_stage(taken, "vocoder", device, lambda: decode(waveforms, mel, FRAMES_AT_ONCE))
        again = sum(taken[name] for name in ("sampling", "autoencoder", "vocoder"))
        return taken | {"all": sum(taken.values()), "another seed": again}

    run()
    return run()


def _stepped(field: Field, device: torch.device, graph: bool, compiled: bool) -> Field:
    """`field` as a CUDA graph, through torch.compile, or as it is."""
    if compiled:
        # Off a GPU the switch is only proved: compiling C++ takes minutes.
        field = CompiledField(field, Progress(), "" if device.type == "cuda" else "eager")
    return with_cuda_graph(field, device) if graph else field


def _time_stage(taken: dict[str, float], name: str, device: torch.device, work: Callable[[], Tensor]) -> Tensor:
    began_s = time.perf_counter()
    made = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    taken[name] = time.perf_counter() - began_s
    return made
