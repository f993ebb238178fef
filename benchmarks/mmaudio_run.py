"""Benchmark of whole MMAudio runs on this machine.

`python -m benchmarks.mmaudio_run [--work DIR] [--threads 2]`.

The engine runs in a process of its own on files of weights written for it: full-size small_16k with random numbers, and
networks in miniature where only what surrounds them is of interest. Measured: a first run on a clip, a second one with
another seed, a third as the `neg` fallback would make it, and the peak memory beyond the weights, also of three minutes
of 1080p video.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._clips import make_clip
from benchmarks._measure import save

VARIANT = "small_16k"
# Name, size of the networks, source, seconds of sound (None: as asked for), offload.
CASES = (
    ("a 480x360 clip", "full", "small", None, False),
    ("from a 180 s 1080p source", "full", "long", None, True),
    ("180 s of 1080p, networks in miniature", "tiny", "long", 180.0, True),
)


def main() -> None:
    options = _options()
    if options.child:
        _child(options)
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = Path(folder)
        clips = {
            "small": make_clip(work / "small.mp4", 480, 360, 10, fps=30),
            "long": make_clip(work / "long.mp4", 1920, 1080, 180),
        }
        results = []
        print(
            f"{'run':<38} {'sound':>6} {'first':>9} {'again':>9} {'ratio':>7} {'neg':>9} {'peak':>9} {'weights':>9} "
            f"{'beyond':>9}"
        )
        for name, size, clip, seconds, offload in CASES:
            if options.only in name:
                _write_weights(work / size, size)
                sound_s = float(options.seconds) if seconds is None else seconds
                results.append(_measure(name, work / size, clips[clip], sound_s, offload, options.threads))
                print(_row(results[-1]), flush=True)
        print("written to", save({"threads": options.threads, "variant": VARIANT, "results": results}, "mmaudio_run"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", help="where files may be written; about 7 GB (default: the temporary folder)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", default="", help="the cases whose name has this in it")
    parser.add_argument("--seconds", default="8", help="of sound, for full-size networks (default: %(default)s)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    for name in ("models", "clip", "offload"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def _write_weights(folder: Path, size: str) -> None:
    if not folder.exists():
        from tests.generate.mmaudio import tiny

        tiny.write_published_16k(folder, tiny.FULL_SMALL_16K if size == "full" else tiny.TINY_16K)


def _measure(name: str, models: Path, clip: Path, seconds: float, offload: bool, threads: int) -> dict[str, Any]:
    """One process: its memory is its own, and what it imports and reads is part of its first run."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.mmaudio_run",
        "--child",
        "--models",
        str(models),
        "--clip",
        str(clip),
        "--seconds",
        str(seconds),
        "--offload",
        str(int(offload)),
        "--threads",
        str(threads),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"name": name, "sound_s": seconds, "offload": offload, **json.loads(done.stdout.splitlines()[-1])}


def _child(options: argparse.Namespace) -> None:
    import torch

    from deepsound.generate.mmaudio.generator import MMAudioGenerator
    from deepsound.media.clip import Clip
    from deepsound.runtime.execution import Execution
    from deepsound.runtime.model_cache import model_cache
    from deepsound.runtime.progress import Progress, ProgressEvent
    from deepsound.types import GenerationRequest
    from deepsound.weights.search_paths import register_model_folders

    torch.set_num_threads(options.threads)
    register_model_folders([options.models])
    engine = MMAudioGenerator(VARIANT)
    engine.configure(Execution(device="cpu", offload=options.offload == "1"))
    held: list[int] = [0]

    def watch(event: ProgressEvent) -> None:
        held.append(sum(row.bytes for row in model_cache().report()))

    def time_run(request: GenerationRequest) -> float:
        began = time.perf_counter()
        audio = engine.generate(Clip.open(options.clip), request, Progress(on_event=watch))
        if audio.samples != round(float(options.seconds) * audio.sample_rate):
            raise RuntimeError(f"{audio.samples} samples came where {options.seconds} s were asked for")
        return time.perf_counter() - began

    seconds = float(options.seconds)
    times = {
        "first_s": time_run(GenerationRequest(seed=1, duration_s=seconds)),
        "again_s": time_run(GenerationRequest(seed=2, duration_s=seconds)),
        "neg_s": time_run(GenerationRequest(seed=1, negative_prompt="human voice", duration_s=seconds)),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({**times, "peak_bytes": peak, "weights_bytes": max(held)}))


def _row(result: dict[str, Any]) -> str:
    peak, weights = result["peak_bytes"] / 1e6, result["weights_bytes"] / 1e6
    return (
        f"{result['name']:<38} {result['sound_s']:4.0f} s {result['first_s']:7.1f} s {result['again_s']:7.1f} s "
        f"{result['again_s'] / result['first_s']:7.2f} {result['neg_s']:7.1f} s {peak:6.0f} MB {weights:6.0f} MB "
        f"{peak - weights:6.0f} MB"
    )


if __name__ == "__main__":
    main()
