"""Benchmark of the separators.

`python -m benchmarks.separator [--reference DIR] [--depth N] [--seconds S]`.

Times BS-RoFormer at full size on a clip, in both modes, and the small separator on the same stereo clip;
all with random weights, on which speed does not depend. With `--reference DIR`, the folder of the original's
separation code (`third_party/MusicSourceSeparationTraining` of a DeepSound-V1 checkout), the original's own demix runs
in the same call, on the same weights, sound and threads, in a process of its own; what it imports must be installed,
or be on PYTHONPATH. The samples of published mode are compared with its samples.
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
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from benchmarks._measure import save
from deepsound.models.roformer.config import BSRoformerConfig, RoformerConfig
from deepsound.models.roformer.weights import network
from deepsound.runtime.execution import Execution, torch_device
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import separation
from deepsound.separate.roformer import BSRoformerTinySeparator, RoformerSeparator
from deepsound.types import Audio

TARGETS = {"equal_overlap": 0.45, "published": 0.85}
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
from utils import demix
settings = json.loads(settings)
settings["model"]["freqs_per_bands"] = tuple(settings["model"]["freqs_per_bands"])
model = BSRoformer(**settings["model"])
model.load_state_dict(torch.load(weights, weights_only=True))
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model.to(device).eval()
mix = np.load(sound)
began = time.perf_counter()
stems = demix(ConfigDict(settings), model, mix, device, model_type="bs_roformer")
seconds = time.perf_counter() - began
np.save(out, next(iter(stems.values())))
print("SECONDS", seconds)
"""


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
    print("written to", save(results, "separator"))


def tiny_row(mix: np.ndarray, seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        weights = random_weights(separation("bs_roformer_tiny").network, Path(folder) / "tiny.ckpt")
        engine = BSRoformerTinySeparator(gated=False)
        engine.configure(Execution(weights={"bs_roformer_tiny": weights}))
        wall_s, _ = time_separation(engine, mix)
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
        theirs_s, theirs = reference_seconds(reference, weights, config, mix, threads) if reference else (None, None)
        print("reference", "not measured" if theirs_s is None else f"{theirs_s:.2f} s", flush=True)
        rows: list[dict[str, object]] = [{"name": "reference", "wall_s": theirs_s}]
        for mode in ("equal_overlap", "published"):
            engine = RoformerSeparator("bs_roformer", mode)
            engine.configure(Execution(weights={"bs_roformer/ep_317": weights}))
            wall_s, voice = time_separation(engine, mix)
            row: dict[str, object] = {
                "name": f"bs_roformer, {mode}",
                "wall_s": wall_s,
                "target_ratio": TARGETS[mode],
                "ratio": wall_s / theirs_s if theirs_s else None,
            }
            if mode == "published" and theirs is not None:
                row["largest_difference"] = float(np.abs(voice - theirs).max())
                row["largest_sample"] = float(np.abs(theirs).max())
            print(
                *(
                    f"{name} {value:.3g}" if isinstance(value, float) else str(value)
                    for name, value in row.items()
                    if value is not None
                ),
                flush=True,
            )
            rows.append(row)
        return rows


def time_separation(engine: RoformerSeparator, mix: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds of one separation, and the voice; the network is loaded and warm before."""
    audio = Audio.from_numpy(mix, 44100)
    engine.separate(Audio.from_numpy(mix[:, :22050], 44100), Progress())
    began = time.perf_counter()
    stems = engine.separate(audio, Progress())
    return time.perf_counter() - began, stems.voice.numpy()


def reference_seconds(
    folder: Path,
    weights: Path,
    config: BSRoformerConfig,
    mix: np.ndarray,
    threads: int,
) -> tuple[float, np.ndarray]:
    """Seconds that the original's demix takes, and its answer."""
    known = separation("bs_roformer")
    settings = {
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
    return float(said.split()[1]), np.load(answer).reshape(mix.shape)


if __name__ == "__main__":
    main()
