"""Benchmark of the published networks on one GPU, with random weights, in eight minutes.

`python -m benchmarks.gpu [--tiny] [--minutes 8] [--only CASE] [--out FILE]`.

Random weights of the published sizes in bfloat16: seconds of an 8 s clip for every MMAudio variant, features included,
and of another seed; with CUDA graphs, with torch.compile and with neither; prefill and time per token of the 7B judge
against the time that reading its weights takes; BS-RoFormer's demix; the fused Triton kernel against the plain form;
the chain of all steps beside the published times; peak memory with all networks on the device and with one at a time.

A case that fails is named with its reason, and the rest goes on; what the time does not allow is named too. `--tiny`
runs every case with miniature networks on whatever is there, which proves the script and nothing about speed: it
writes `gpu_tiny.json`, and off a GPU the compiled case is traced but not compiled.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from benchmarks._measure import save
from benchmarks._mmaudio_clip import ClipSizes, published_sizes, seconds
from benchmarks.mmaudio import PUBLISHED_SECONDS, machine
from benchmarks.reasoner import against_bandwidth
from benchmarks.separator import random_weights
from deepsound.models.bigvgan import snake_rows, snake_triton
from deepsound.models.bigvgan.activations import AntiAliasedSnake
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.model import CLIP
from deepsound.models.mmaudio.config import VARIANTS
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.vae.model import MelVae
from deepsound.models.videollama2.config import LanguageConfig
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import separation
from deepsound.separate.roformer import RoformerSeparator
from deepsound.types import Audio
from tests.generate.mmaudio.tiny import TINY_16K
from tests.reason.videollama2 import tiny as tiny_judge

Row = dict[str, Any]
ANSWER_TOKENS = 200
CLIP_S = 8.0


class Cases:
    """The cases by name on one device; miniature networks where `tiny`."""

    def __init__(self, device: torch.device, tiny: bool) -> None:
        self.device, self.tiny = device, tiny
        self.made: dict[str, Row] = {}

    def all(self) -> Mapping[str, Callable[[], Row]]:
        variants = ("small_16k",) if self.tiny else tuple(VARIANTS)
        ways = {"CUDA graph": (True, False), "plain": (False, False), "torch.compile": (False, True)}
        cases: dict[str, Callable[[], Row]] = {}
        for variant in variants:
            cases[f"MMAudio {variant}"] = lambda variant=variant: self._clip(variant, True, False)  # type: ignore[misc]
        cases |= {"judge": self._judge, "demix": self._demix, "Triton snake": self._snake, "chain": self._chain}
        cases["memory"] = self._memory
        for name, (graph, compiled) in list(ways.items())[1:]:
            cases[f"MMAudio small_16k, {name}"] = lambda g=graph, c=compiled: self._clip("small_16k", g, c)  # type: ignore[misc]
        return cases

    def _sizes(self, variant: str) -> ClipSizes:
        return cast(ClipSizes, TINY_16K) if self.tiny else published_sizes(variant)

    def _clip(self, variant: str, graph: bool, compiled: bool) -> Row:
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        long = {"duration_s": 1.0, "steps": 2} if self.tiny else {"duration_s": CLIP_S}
        taken = seconds(variant, self.device, dtype, sizes=self._sizes(variant), graph=graph, compiled=compiled, **long)  # type: ignore[arg-type]
        return {**taken, "published_s": PUBLISHED_SECONDS.get(variant)}

    def _judge(self) -> Row:
        config = tiny_judge.CONFIG.language if self.tiny else LanguageConfig()
        return against_bandwidth(config, self.device, 64 if self.tiny else 2899, 4 if self.tiny else 64)

    def _demix(self) -> Row:
        name = "bs_roformer_tiny" if self.tiny else "bs_roformer"
        with tempfile.TemporaryDirectory() as folder:
            weights = random_weights(separation(name).network, Path(folder) / "weights.ckpt")
            engine = RoformerSeparator(name)
            role = name if self.tiny else "bs_roformer/ep_317"
            engine.configure(Execution(device=str(self.device), weights={role: weights}))
            sound = Audio(0.1 * torch.randn(2, round((1.0 if self.tiny else CLIP_S) * 44100)), 44100)
            return {"s": self._least(lambda: engine.separate(sound, Progress()))} | engine.settings_in_use()

    def _snake(self) -> Row:
        if self.device.type != "cuda":
            raise RuntimeError("the fused kernel runs on a GPU alone")
        snake = AntiAliasedSnake(512).to(self.device)
        x = torch.randn(1, 1 << 14, 512, device=self.device).bfloat16()
        inputs = (x, snake.upsampling_taps(), snake.downsample.lowpass.taps(), *snake.act.coefficients())
        with torch.inference_mode():
            fused, plain = snake_triton.anti_aliased_snake(*inputs), snake_rows.anti_aliased_snake(*inputs)
            return {
                "largest_difference": float((fused - plain).abs().max()),
                "fused_s": self._least(lambda: snake_triton.anti_aliased_snake(*inputs)),
                "plain_s": self._least(lambda: snake_rows.anti_aliased_snake(*inputs)),
            }

    def _chain(self) -> Row:
        """All steps after one another, from the cases before: MMAudio, the judge's answer, the demix."""
        generate = self.made["MMAudio small_16k"]["all"]
        judge = self.made["judge"]["compiled"]
        judge_s = judge["prefill_s"] + ANSWER_TOKENS * judge["s_per_token"]
        return {
            "generate_s": generate,
            "judge_s": judge_s,
            "demix_s": self.made["demix"]["s"],
            "all_s": generate + judge_s + self.made["demix"]["s"],
            "judge_floor_s": ANSWER_TOKENS * self.made["judge"]["floor_s_per_token"],
            "published_mmaudio_s": [1.23, 1.96],
        }

    def _memory(self) -> Row:
        """Bytes of the weights in bfloat16: all of a variant's networks at once, and the largest, as with offload."""
        variant = "small_16k" if self.tiny else "large_44k_v2"
        sizes = self._sizes(variant)
        with torch.device("meta"):
            networks: dict[str, nn.Module] = {
                "CLIP": CLIP(sizes.clip),
                "Synchformer": Synchformer(sizes.synchformer),
                "flow": MMAudio(sizes.flow),
                "autoencoder": MelVae(sizes.vae, with_encoder=False),
                "vocoder": BigVgan(sizes.vocoder),
            }
        weights = {name: 2 * sum(part.numel() for part in one.parameters()) for name, one in networks.items()}
        peak = torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None
        return {"variant": variant, "resident": sum(weights.values()), "offload": max(weights.values()), "peak": peak}

    def _least(self, work: Callable[[], object], turns: int = 3) -> float:
        """Seconds of the quickest of a few turns, after one that warms up."""
        taken = []
        for _ in range(turns + 1):
            began_s = time.perf_counter()
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            taken.append(time.perf_counter() - began_s)
        return min(taken[1:])


def run(device: torch.device, tiny: bool, minutes: float, only: str = "") -> dict[str, Any]:
    """Every case whose name contains `only` as a row, or as the reason why there is none."""
    cases, end_s = Cases(device, tiny), time.monotonic() + 60 * minutes
    rows: dict[str, Any] = {}
    for name, case in cases.all().items():
        if only not in name:
            continue
        if time.monotonic() > end_s:
            rows[name] = f"not measured: the {minutes:g} minutes were over"
        else:
            try:
                rows[name] = cases.made[name] = case()
            except Exception as error:  # any failure of a case: the others still say something
                rows[name] = f"not measured: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        print(name, rows[name], flush=True)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": name, "tiny": tiny, "machine": machine(torch.get_num_threads()), "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="miniature networks on any machine; says nothing of speed")
    parser.add_argument("--only", default="", metavar="CASE", help="cases whose name contains this")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON (default: benchmarks/results/gpu.json)")
    parser.add_argument("--minutes", type=float, default=8.0, help="no case is begun later (default: %(default)g)")
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not asked.tiny:
        raise SystemExit("expected a CUDA device, got none; --tiny proves the script without one.")
    results = run(device, asked.tiny, asked.minutes, asked.only)
    print("written to", save(results, "gpu_tiny" if asked.tiny else "gpu", asked.out))


if __name__ == "__main__":
    main()
