"""One 8 s clip through MMAudio's networks on a device, with random weights.

Decoding is left out: it shows what a run costs beside it.

Not run where it was written, for want of a GPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.generate.mmaudio.cuda_graph import with_cuda_graph
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.config import DFN5B_VIT_H_14_384
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance, euler, initial_noise
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.config import VAE_16K, VAE_44K
from deepsound.models.vae.model import MelVae

FRAMES_AT_ONCE = 2048


@torch.inference_mode()
def seconds(
    variant: str,
    device: torch.device,
    dtype: torch.dtype = torch.bfloat16,
    duration_s: float = 8.0,
    steps: int = 25,
) -> dict[str, float]:
    """Seconds of every part and of all, the second of two runs; weights are on the device all along."""
    flow, rate = VARIANTS[variant].flow, VARIANTS[variant].latents
    vae, vocoder = (VAE_16K, BIGVGAN_16K) if rate is LATENTS_16K else (VAE_44K, BIGVGAN_V2_44K)
    lengths = sequence_lengths(duration_s, rate)

    def on_device(network: nn.Module) -> Any:
        for tensor in [*network.parameters()]:
            tensor.data.normal_(0.0, 0.02)
        return network.to(device, dtype).eval().requires_grad_(False)

    clip, sync = on_device(CLIP(DFN5B_VIT_H_14_384)), on_device(Synchformer(SYNCHFORMER))
    network, autoencoder = on_device(MMAudio(flow)), on_device(MelVae(vae, with_encoder=False))
    waveforms = on_device(BigVgan(vocoder))
    pictures = torch.rand(lengths.clip, 3, 384, 384, device=device, dtype=dtype)
    video = torch.rand(1, lengths.sync + 8, 3, 224, 224, device=device, dtype=dtype)
    words = torch.zeros(1, flow.text_seq_len, dtype=torch.long, device=device)

    def latents(seen: Tensor, heard: Tensor, said: Tensor) -> Tensor:
        wanted = network.preprocess_conditions(lengths, seen, heard, said)
        field = with_cuda_graph(
            classifier_free_guidance(network, wanted, network.preprocess_conditions(lengths), 4.5), device
        )
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
        return taken | {"all": sum(taken.values())}

    run()
    return run()


def _time_stage(taken: dict[str, float], name: str, device: torch.device, work: Callable[[], Tensor]) -> Tensor:
    began_s = time.perf_counter()
    made = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    taken[name] = time.perf_counter() - began_s
    return made
