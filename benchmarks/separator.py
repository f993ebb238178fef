"""Benchmark of the separators.

`python -m benchmarks.separator [--reference DIR] [--depth N] [--seconds S]`.

Times BS-RoFormer at full size on a clip, in both modes, and the small separator on the same stereo clip;
all with random weights, on which speed does not depend. With `--reference DIR`, the folder of the original's
separation code (`third_party/MusicSourceSeparationTraining` of a DeepSound-V1 checkout), the original's own demix runs
in the same call, on the same weights, sound and threads, in a process of its own; what it imports must be installed,
or be on PYTHONPATH. A newer checkout of ZFTurbo/Music-Source-Separation-Training does as well. The samples of published
mode are compared with its samples, those of `--precision auto` with fp32's. Fewer layers than the published 12 are
saved under a name of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from benchmarks._measure import save
from deepsound.models.roformer.config import BSRoformerConfig, RoformerConfig
from deepsound.models.roformer.weights import network
from deepsound.runtime.execution import Execution, Precision, torch_device
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import separation
from deepsound.separate.chunking import Mode
from deepsound.separate.roformer import BSRoformerTinySeparator, RoformerSeparator
from deepsound.types import Audio

TARGETS = {"equal_overlap": 0.45, "published": 0.85}
# Of the default precision: against the original's demix, and against fp32 on CPUs with AMX.
AUTO_TARGETS = {"ratio": 0.12, "ratio_of_fp32": 0.4}
PUBLISHED_DEPTH = 12
TINY_TARGET = 4.0

REFERENCE = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
folder, weights, sound, out, settings, threads = sys.argv[1:]
sys.path.insert(0, folder)
import numpy as np, torch
torch.set_num_threads(int(threads))
from ml_collections import ConfigDict
from models.bs_roformer import BSRoformer
try:
    from utils import demix
except ImportError:
    from utils.model_utils import demix
settings = json.loads(settings)
settings["model"]["freqs_per_bands"] = tuple(settings["model"]["freqs_per_bands"])
model = BSRoformer(**settings["model"])
model.load_state_dict(torch.load(weights, weights_only=True))
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model.to(device).eval()
mix = np.load(sound)
began, cpu = time.perf_counter(), time.process_time()
stems = demix(ConfigDict(settings), model, mix, device, model_type="bs_roformer")
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
np.save(out, next(iter(stems.values())))
print("SECONDS", seconds, cpu)
"""


# fp32 in both modes, and the default, which a CPU that is fast in bf16 computes in bf16.
RUNS: dict[str, tuple[Mode, Precision]] = {
    "bs_roformer, equal_overlap": ("equal_overlap", "fp32"),
    "bs_roformer, equal_overlap, auto": ("equal_overlap", "auto"),
    "bs_roformer, published": ("published", "fp32"),
}


@dataclass(frozen=True)
class Separation:
    """Seconds of one separation by the wall clock and the processor's, and the voice."""

    wall_s: float
    cpu_s: float
    voice: np.ndarray

    def times(self) -> dict[str, object]:
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s}

    def beside(self, other: Separation) -> tuple[float, float]:
        """Ratios of both kinds of seconds."""
        return self.wall_s / other.wall_s, self.cpu_s / other.cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.separator", description=__doc__)
    parser.add_argument("--reference", type=Path, help="folder of the original's separation code")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clip")
    parser.add_argument("--depth", type=int, default=12, help="layers of BS-RoFormer; fewer for a quick look")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    mix = 0.1 * np.random.default_rng(0).standard_normal((2, round(options.seconds * 44100))).astype(np.float32)
    rows = [tiny_row(mix, options.seconds)]
    print(rows[0]["name"], f"{rows[0]['wall_s']:.2f} s,", f"{rows[0]['times_real_time']:.1f} x real time", flush=True)
    rows += full_rows(mix, options.depth, options.threads, options.reference)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "threads": options.threads,
        "torch": torch.__version__,
        "device": str(torch_device(Execution())),
    }
    results: dict[str, object] = {**machine, "seconds": options.seconds, "depth": options.depth, "rows": rows}
    name = "separator" if options.depth == PUBLISHED_DEPTH else f"separator_depth_{options.depth}"
    print("written to", save(results, name))


def tiny_row(mix: np.ndarray, seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(separation("bs_roformer_tiny").network, Path(folder) / "tiny.ckpt")
        engine = BSRoformerTinySeparator(gated=False)
        engine.configure(Execution(weights={"bs_roformer_tiny": weights}))
        wall_s = time_separation(engine, mix).wall_s
    return {
        "name": "bs_roformer_tiny, equal_overlap",
        "wall_s": wall_s,
        "times_real_time": seconds / wall_s,
        "target_times_real_time": TINY_TARGET,
    }


def random_weights(config: RoformerConfig, path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(network(config).state_dict(), path)
    return path


def full_rows(mix: np.ndarray, depth: int, threads: int, reference: Path | None) -> list[dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder:
        config = replace(cast(BSRoformerConfig, separation("bs_roformer").network), depth=depth)
        weights = random_weights(config, Path(folder) / "bs_roformer.ckpt")
        # JSON is YAML: with fewer layers than published, the tensors alone do not tell the network.
        weights.with_suffix(".yaml").write_text(json.dumps(published_settings(config)))
        theirs = run_reference(reference, weights, config, mix, threads) if reference else None
        rows: list[dict[str, object]] = [{"name": "reference"} | (theirs.times() if theirs else {"wall_s": None})]
        runs: dict[str, Separation] = {}
        for name, (mode, precision) in RUNS.items():
            engine = RoformerSeparator("bs_roformer", mode)
            engine.configure(Execution(weights={"bs_roformer/ep_317": weights}, precision=precision))
            runs[name] = time_separation(engine, mix)
            rows.append({"name": name, **runs[name].times()})
        if theirs:
            for row in rows[1:]:
                row["ratio"], row["ratio_cpu"] = runs[str(row["name"])].beside(theirs)
        compare(rows, runs, theirs)
        for row in rows:
            print(*(f"{key} {value:.3g}" if isinstance(value, float) else value for key, value in row.items()))
        return rows


def compare(rows: list[dict[str, object]], runs: dict[str, Separation], theirs: Separation | None) -> None:
    """Add targets, the default's SNR against fp32, and published mode's difference to the original."""
    exact, default, published = (runs[name] for name in RUNS)
    _, first, second, third = rows
    first["target_ratio"], third["target_ratio"] = TARGETS["equal_overlap"], TARGETS["published"]
    second["ratio_of_fp32"], second["ratio_of_fp32_cpu"] = default.beside(exact)
    second["targets"] = AUTO_TARGETS
    error = np.linalg.norm(default.voice - exact.voice) / np.linalg.norm(exact.voice)
    second["snr_db"] = float(-20 * np.log10(max(float(error), 1e-12)))
    if theirs is not None:
        third["largest_difference"] = float(np.abs(published.voice - theirs.voice).max())
        third["largest_sample"] = float(np.abs(theirs.voice).max())


def time_separation(engine: RoformerSeparator | BSRoformerTinySeparator, mix: np.ndarray) -> Separation:
    """One separation, the network loaded and warm before."""
    audio = Audio.from_numpy(mix, 44100)
    engine.separate(Audio.from_numpy(mix[:, :22050], 44100), Progress())
    began, cpu_s = time.perf_counter(), time.process_time()
    stems = engine.separate(audio, Progress())
    return Separation(time.perf_counter() - began, time.process_time() - cpu_s, stems.voice.numpy())


def published_settings(config: BSRoformerConfig) -> dict[str, Any]:
    """The configuration that is published with such a checkpoint."""
    known = separation("bs_roformer")
    return {
        "model": {
            "dim": config.dim,
            "depth": config.depth,
            "stereo": True,
            "num_stems": 1,
            "time_transformer_depth": 1,
            "freq_transformer_depth": 1,
            "dim_head": config.dim_head,
            "freqs_per_bands": config.freqs_per_bands,
            "heads": config.heads,
            "stft_hop_length": config.stft_hop_length,
            "flash_attn": True,
        },
        "audio": {"chunk_size": known.demix.chunk, "sample_rate": 44100, "num_channels": 2},
        "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals", "use_amp": True},
        "inference": {"batch_size": known.demix.batch, "num_overlap": known.demix.overlaps},
    }


def run_reference(
    folder: Path,
    weights: Path,
    config: BSRoformerConfig,
    mix: np.ndarray,
    threads: int,
) -> Separation:
    """The original's demix."""
    settings = published_settings(config)
    sound, answer = weights.with_name("mix.npy"), weights.with_name("voice.npy")
    np.save(sound, mix)
    command = [
        sys.executable,
        "-c",
        REFERENCE,
        str(folder),
        str(weights),
        str(sound),
        str(answer),
        json.dumps(settings),
        str(threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the reference failed:\n{done.stderr[-2000:]}")
    said = next(line for line in done.stdout.splitlines() if line.startswith("SECONDS"))
    wall_s, cpu_s = map(float, said.split()[1:])
    return Separation(wall_s, cpu_s, np.load(answer).reshape(mix.shape))


if __name__ == "__main__":
    main()
