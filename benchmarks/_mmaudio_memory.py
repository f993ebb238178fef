"""Memory table of MMAudio: weights and working memory by network, variant and dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks._live_memory import bytes_of, working_bytes
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.config import DFN5B_VIT_H_14_384
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.config import VARIANTS, Variant
from deepsound.models.mmaudio.convolution import ChannelLastConv1d
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance
from deepsound.models.mmaudio.lengths import LATENTS_16K, sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.config import VAE_16K, VAE_44K
from deepsound.models.vae.model import MelVae

# As the engine has them on a GPU: pictures (and more segments than 8 s have), and mel frames, at a time.
PICTURES_AT_ONCE, FRAMES_AT_ONCE = 40, 2048
CARD_BYTES = 6 << 30

Stage = tuple[Callable[[], nn.Module], Callable[[Any], object]]


def stages(variant: Variant, dtype: torch.dtype) -> dict[str, Stage]:
    """How each network is built and what it is asked for 8 s, in the order of a run."""
    lengths = sequence_lengths(8.0, variant.latents)
    vae, vocoder = (VAE_16K, BIGVGAN_16K) if variant.latents is LATENTS_16K else (VAE_44K, BIGVGAN_V2_44K)

    def flow(network: MMAudio) -> object:
        config = network.config
        known = network.preprocess_conditions(
            lengths,
            torch.empty(1, lengths.clip, config.clip_dim, dtype=dtype),
            torch.empty(1, lengths.sync, config.sync_dim, dtype=dtype),
        )
        field = classifier_free_guidance(network, known, network.preprocess_conditions(lengths), 4.5)
        return field(torch.empty(1, lengths.latent, config.latent_dim, dtype=dtype), torch.empty(()))

    return {
        "CLIP": (
            lambda: CLIP(DFN5B_VIT_H_14_384),
            lambda clip: clip.encode_image(torch.empty(PICTURES_AT_ONCE, 3, 384, 384, dtype=dtype)),
        ),
        "Synchformer": (
            lambda: Synchformer(SYNCHFORMER),
            lambda sync: sync(torch.empty(1, lengths.sync + 8, 3, 224, 224, dtype=dtype)),
        ),
        "flow": (lambda: MMAudio(variant.flow), flow),
        "autoencoder": (
            lambda: MelVae(vae, with_encoder=False),
            lambda network: network.decode(torch.empty(1, vae.latent_channels, lengths.latent, dtype=dtype)),
        ),
        "vocoder": (
            lambda: BigVgan(vocoder),
            lambda network: decode(
                network, torch.empty(1, vae.n_mels, 2 * lengths.latent, dtype=dtype), FRAMES_AT_ONCE
            ),
        ),
    }


def table(names: tuple[str, ...] = tuple(VARIANTS)) -> list[dict[str, Any]]:
    """A row per variant and dtype; peaks are of weights and working memory together, on a GPU, for 8 s."""
    rows = []
    for name in names:
        for dtype in (torch.float32, torch.bfloat16):
            parts = {
                stage: {"weights": bytes_of(build, dtype), "working": working_bytes(build, run, dtype)}
                for stage, (build, run) in stages(VARIANTS[name], dtype).items()
            }
            rows.append(
                {
                    "variant": name,
                    "dtype": str(dtype).removeprefix("torch."),
                    "stages": parts,
                    "peak_with_offload": max(part["weights"] + part["working"] for part in parts.values()),
                    "peak_without": sum(part["weights"] for part in parts.values())
                    + max(part["working"] for part in parts.values()),
                }
            )
    return rows


def combined_taps(variant: str) -> int:
    """Bytes that a CPU keeps beside a flow network's float32 weights, to compute two outputs at a time."""
    with torch.device("meta"):
        network = MMAudio(VARIANTS[variant].flow)
    weights = [module.weight for module in network.modules() if isinstance(module, ChannelLastConv1d)]
    return sum(weight[..., :2].numel() * 4 for weight in weights if weight.shape[-1] == 3)


def print_table(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0]["stages"])
    print(
        "\nMemory on a GPU for 8 s in MB, weights + work (work counted on the meta device, as PyTorch's own kernels "
        "would hold it)"
    )
    print(f"{'':<23}" + "".join(f"{name:>14}" for name in names) + f"{'offload':>10}{'all held':>10}")
    for row in rows:
        cells = "".join(
            f"{part['weights'] / 1e6:>8.0f} +{part['working'] / 1e6:>4.0f}" for part in row["stages"].values()
        )
        print(
            f"{row['variant']:<14}{row['dtype']:<9}{cells}{row['peak_with_offload'] / 1e6:>10.0f}"
            f"{row['peak_without'] / 1e6:>10.0f}"
        )
    variants = dict.fromkeys(row["variant"] for row in rows)
    kept = ", ".join(f"{name} {combined_taps(name) / 1e6:.0f}" for name in variants)
    print(f"On a CPU in float32 the flow network keeps combined taps beside its weights: {kept} MB")
    largest = next(row for row in rows if (row["variant"], row["dtype"]) == ("large_44k_v2", "bfloat16"))
    verdict = "fits" if largest["peak_with_offload"] < CARD_BYTES else "does not fit"
    print(
        f"large_44k_v2 in bfloat16 with offload: {largest['peak_with_offload'] / 1e6:.0f} MB, which {verdict} a "
        f"GPU of 6 GB on paper"
    )
