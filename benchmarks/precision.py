"""Benchmark of bf16 against fp32 on this CPU: each network's error and processor time.

`python -m benchmarks.precision [--only WORDS]`.

Networks of the published sizes with torch's own initialisation from a fixed seed (no published weights are needed), on
fixed noise. The error is that of the bf16 output against the fp32 one: relative (2-norm) and as a signal-to-noise ratio
in dB. Times are processor seconds of one thread, the least of a few turns in which both precisions alternate, so that
other work on the machine counts for little. Utilisation is the share of a plain product's rate, in the same precision
and turns, at which the network's FLOPs were done.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks._measure import save
from benchmarks._mmaudio_pairs import STRENGTH, noise
from benchmarks._side_by_side import plain_product, side_by_side
from benchmarks.mmaudio import count_flops, machine
from deepsound.models.bigvgan.chunks import decode
from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K, BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.config import DFN5B_VIT_H_14_384
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.flow_matching import classifier_free_guidance
from deepsound.models.mmaudio.lengths import sequence_lengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.roformer.config import BSRoformerConfig
from deepsound.models.roformer.weights import network as roformer
from deepsound.models.synchformer.config import SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.config import VAE_16K, VAE_44K, VaeConfig
from deepsound.models.vae.model import MelVae
from deepsound.separate.checkpoints import separation
from deepsound.weights.load import load_into_meta

CPU = torch.device("cpu")
RESULTS = Path(__file__).parent / "results" / "precision.json"
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TURNS = 3
ROFORMER_DEPTH = 2
Run = Callable[[torch.dtype], Callable[[], Tensor]]


def seeded(build: Callable[[], nn.Module]) -> Callable[[torch.dtype], Any]:
    """A network in each precision with the same weights: torch's initialisation, and noise where that is zero."""
    torch.manual_seed(0)
    source = build()
    state = {}
    for name, tensor in source.state_dict().items():
        is_empty = tensor.is_floating_point() and not bool(tensor.any())
        state[name] = torch.randn_like(tensor) * 0.02 if is_empty else tensor
    return lambda dtype: load_into_meta(build, dict(state), dtype, "random weights").eval().requires_grad_(False)


def flow(variant: str) -> Run:
    config, rate = VARIANTS[variant].flow, VARIANTS[variant].latents
    lengths, made = sequence_lengths(8.0, rate), seeded(lambda: MMAudio(config))
    shapes = ((lengths.clip, config.clip_dim), (lengths.sync, config.sync_dim), (config.text_seq_len, config.text_dim))

    def run(dtype: torch.dtype) -> Callable[[], Tensor]:
        network = made(dtype)
        wanted = network.preprocess_conditions(lengths, *(noise(1, *shape).to(dtype) for shape in shapes))
        field = classifier_free_guidance(network, wanted, network.preprocess_conditions(lengths), STRENGTH)
        latent = noise(1, lengths.latent, config.latent_dim).to(dtype)
        return lambda: field(latent, torch.tensor(0.5))

    return run


def applied(build: Callable[[], nn.Module], call: Callable[[Any, torch.dtype], Tensor]) -> Run:
    """A network of each precision, and what it is asked for."""
    made = seeded(build)

    def run(dtype: torch.dtype) -> Callable[[], Tensor]:
        network = made(dtype)
        return lambda: call(network, dtype)

    return run


def clip() -> Run:
    picture = noise(1, 3, 384, 384).abs()
    return applied(lambda: CLIP(DFN5B_VIT_H_14_384), lambda network, dtype: network.encode_image(picture.to(dtype)))


def synchformer() -> Run:
    video = noise(1, 16, 3, 224, 224).tanh()
    return applied(lambda: Synchformer(SYNCHFORMER), lambda network, dtype: network(video.to(dtype)))


def autoencoder(config: VaeConfig, frames: int) -> Run:
    latents = noise(1, config.latent_channels, frames)
    return applied(lambda: MelVae(config, with_encoder=False), lambda network, dtype: network.decode(latents.to(dtype)))


def vocoder(config: BigVganConfig, frames: int) -> Run:
    """As a CPU runs it: in bf16 its last stages and the signal stay in fp32."""
    mel, made = noise(1, config.num_mels, frames), seeded(lambda: BigVgan(config))

    def run(dtype: torch.dtype) -> Callable[[], Tensor]:
        network = made(torch.float32).round_inner_convolutions(dtype)
        return lambda: decode(network, mel.to(dtype))

    return run


def separator() -> Run:
    config = replace(cast(BSRoformerConfig, separation("bs_roformer").network), depth=ROFORMER_DEPTH)
    wave = 0.1 * noise(1, 2, 44100)
    return applied(lambda: roformer(config), lambda network, dtype: network(wave))


CASES: Mapping[str, Callable[[], Run]] = {
    "MMAudio small_16k, a guided step of 8 s": lambda: flow("small_16k"),
    "MMAudio small_44k, a guided step of 8 s": lambda: flow("small_44k"),
    "CLIP ViT-H/14, a picture": clip,
    "Synchformer, a segment": synchformer,
    "autoencoder 16k, 2 s": lambda: autoencoder(VAE_16K, 62),
    "autoencoder 44k, 2 s": lambda: autoencoder(VAE_44K, 86),
    "BigVGAN 16k, 0.5 s": lambda: vocoder(BIGVGAN_16K, 31),
    "BigVGAN v2 44k, 0.5 s": lambda: vocoder(BIGVGAN_V2_44K, 43),
    f"BS-RoFormer, {ROFORMER_DEPTH} of 12 layers, 1 s": separator,
}


@torch.inference_mode()
def compare(name: str) -> dict[str, Any]:
    """A row: error of bf16 against fp32, processor seconds of both, and their ratio beside that of plain products."""
    run = CASES[name]()
    ways = {precision: run(dtype) for precision, dtype in PRECISIONS.items()}
    (exact, exact_flops), (rounded, rounded_flops) = (count_flops(way) for way in ways.values())
    exact, rounded = exact.float(), rounded.float()
    products = {f"product {precision}": plain_product(CPU, dtype)[0] for precision, dtype in PRECISIONS.items()}
    for product in products.values():
        product()
    product_flops = plain_product(CPU, torch.float32)[1]
    least = {way: taken.cpu_s[0] for way, taken in side_by_side({**ways, **products}, TURNS, CPU).items()}
    error = float((rounded - exact).norm() / exact.norm())
    return {
        "name": name,
        "relative_error": error,
        "snr_db": -20 * math.log10(error),
        "fp32_s": least["fp32"],
        "bf16_s": least["bf16"],
        "ratio": least["bf16"] / least["fp32"],
        "ratio_of_products": least["product bf16"] / least["product fp32"],
        "utilisation_fp32": exact_flops / least["fp32"] * least["product fp32"] / product_flops,
        "utilisation_bf16": rounded_flops / least["bf16"] * least["product bf16"] / product_flops,
        "load_average": os.getloadavg()[0],
    }


def earlier_rows(here: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The saved rows of this processor and torch, by name; they stay where `--only` leaves them out."""
    if not RESULTS.exists():
        return {}
    saved = json.loads(RESULTS.read_text())
    is_same = all(saved["machine"][key] == here[key] for key in ("processor", "torch"))
    return {row["name"]: row for row in saved["rows"]} if is_same else {}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="*", metavar="WORDS", help="cases whose names contain one of these")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    here = machine(1)
    rows = earlier_rows(here)
    for name in CASES:
        if asked.only and not any(words in name for words in asked.only):
            continue
        rows[name] = row = compare(name)
        print(
            f"{name:<42} error {row['relative_error']:.1e} ({row['snr_db']:.0f} dB), fp32 {row['fp32_s']:.2f} s, bf16 "
            f"{row['bf16_s']:.2f} s, ratio {row['ratio']:.2f} (plain products {row['ratio_of_products']:.2f})",
            flush=True,
        )
        ordered = [rows[name] for name in CASES if name in rows]
        save({"machine": here, "rows": ordered}, "precision")
    print("written to", RESULTS)


if __name__ == "__main__":
    main()
