"""Benchmark of the reasoner's training: tokens per second, memory, FLOP utilisation.

`python -m benchmarks.training [--half-billion] [--lora RANK]`.

One step (forward, backward, AdamW) on random weights: the tests' tiny network, and one with a language model of
Qwen2-0.5B's sizes. Seconds are processor seconds of one thread, so that other work on the machine does not count; the
peak is the rate of a large float32 matrix product on this thread, measured in the same run. Utilisation counts 6
operations per parameter of the language model's layers and token, and per parameter of the head and labelled token; 4
under LoRA, whose base has no gradients of its own; attention is left out. On CUDA the same by the wall clock, in
bfloat16.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks._measure import save
from deepsound.models.videollama2.config import LanguageConfig, VideoLlama2Config
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.language import LanguageModel
from deepsound.train.answer_parts import PARTS
from deepsound.train.cot_losses import CotLossSettings, part_sums, total_loss
from deepsound.train.joint_model import JointModel
from deepsound.train.reasoner.networks import add_lora
from deepsound.train.reasoner.recipe import LoraSettings
from tests.train.reasoner import CONFIG

HALF_BILLION = replace(
    CONFIG,
    language=LanguageConfig(vocabulary=151936, width=896, layers=24, heads=14, key_value_heads=2, mlp_width=4864),
    connector=replace(CONFIG.connector, width=896),
)
TOKENS = 256
Row = dict[str, object]


def joint_model(config: VideoLlama2Config, device: torch.device, checkpointing: bool) -> JointModel:
    """A random model in training mode whose vision tower is frozen."""
    torch.manual_seed(0)
    with device:
        model = JointModel(
            VisionEncoder(config.vision, config.connector),
            AudioEncoder(config.audio, config.language.width),
            LanguageModel(config.language),
        )
    model.vision.vision_tower.requires_grad_(False)
    model.set_gradient_checkpointing(checkpointing)
    return model.train()


def batch(config: VideoLlama2Config, device: torch.device) -> dict[str, Tensor]:
    """One item: a video with its sound and a text of TOKENS tokens, half of them labelled."""
    ids = torch.randint(0, 300, (1, TOKENS), generator=torch.Generator().manual_seed(1))
    ids[0, 8] = -201
    labels = torch.where(torch.arange(TOKENS)[None] < TOKENS // 2, -100, ids)
    size = config.vision.image_size
    values = {
        "input_ids": ids,
        "labels": labels,
        "parts": torch.where(labels < 0, -100, labels % len(PARTS)),
        "attention_mask": torch.ones_like(ids),
        "frames": torch.rand(1, config.frames, 3, size, size) * 2 - 1,
        "frame_rows": torch.tensor([0]),
        "filterbanks": torch.randn(1, 2998, 128),
        "filterbank_rows": torch.tensor([0]),
    }
    return {name: value.to(device) for name, value in values.items()}


def clock(device: torch.device) -> Callable[[], float]:
    """Processor seconds of this process, or on CUDA the wall clock behind all work."""
    if device.type != "cuda":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return now


def peak_flops(device: torch.device) -> float:
    """Operations per second of a large matrix product in the precision that is trained in."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    now, best = clock(device), float("inf")
    for _ in range(4):
        began = now()
        a @ b
        best = min(best, now() - began)
    return 2 * size**3 / best


def measure(name: str, config: VideoLlama2Config, device: torch.device, rank: int, steps: int) -> Row:
    """A row: seconds of the quickest of `steps` steps and what follows from it."""
    model = joint_model(config, device, checkpointing=False)
    if rank:
        model.language.requires_grad_(False)
        add_lora(model, LoraSettings(rank, 2.0 * rank, 0.0))
    values, now = batch(config, device), clock(device)
    optimiser = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=1e-5)
    seconds, read = [], 0
    for _ in range(steps + 1):
        began = now()
        with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
            out = model(**values)
        loss = total_loss(*part_sums(out["losses"].float(), out["parts"]), CotLossSettings())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        seconds.append(now() - began)
        read = out["labels"].shape[1]
    quickest = min(seconds[1:])
    parameters = sum(value.numel() for value in model.language.parameters())
    # Embedding rows are looked up, and the head reads labelled tokens alone.
    in_layers = sum(value.numel() for value in model.language.model.layers.parameters())
    products = in_layers * read + model.language.lm_head.weight.numel() * len(out["losses"])
    useful = (4 if rank else 6) * products
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else _peak_rss()
    return {
        "network": f"{name}, LoRA of rank {rank}" if rank else f"{name}, whole",
        "parameters": parameters,
        "trained": sum(value.numel() for value in model.parameters() if value.requires_grad),
        "tokens": read,
        "seconds_per_step": round(quickest, 3),
        "tokens_per_second": round(read / quickest, 1),
        "peak_gb": round(peak / 1e9, 2),
        "flop_utilisation": round(useful / quickest / peak_flops(device), 3),
    }


def _peak_rss() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--half-billion", action="store_true", help="the network of Qwen2-0.5B's sizes too (12 GB)")
    parser.add_argument("--lora", type=int, default=0, metavar="RANK", help="LoRA of this rank on the language model")
    parser.add_argument("--steps", type=int, default=3, help="steps behind the first, which is not counted")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = [measure("tiny", CONFIG, device, options.lora, options.steps)]
    if options.half_billion:
        rows.append(measure("0.5B", HALF_BILLION, device, options.lora, options.steps))
    for row in rows:
        print(row)
    kind = f"lora_{options.lora}" if options.lora else "whole"
    save({"rows": rows}, f"training_{kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
