"""Benchmark of the metrics' networks.

`python -m benchmarks.extractors [--only NAME,NAME] [--threads N]`.

Every extractor at full size on one clip of eight seconds; clip and weights are made up, speed and memory do not depend
on them. Each runs in a process of its own, its network loaded before the clock starts. Rows of an earlier run on the
same machine stay where `--only` leaves them out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._measure import cost_of, save
from deepsound.evaluate.extractors import DURATION_S, EXTRACTORS, OFFSET_SCORER, extractor, offset_scorer
from deepsound.media.clip import Clip
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.panns.model import Cnn14
from deepsound.models.passt.model import Passt
from deepsound.models.synchformer.audio import SynchformerAudio
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.offset import SynchformerOffset
from deepsound.models.vggish.model import Vggish
from deepsound.runtime.execution import Execution, torch_device
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

PARTS: dict[str, Sequence[Callable[[], nn.Module]]] = {
    "metrics/panns_cnn14_16k": (Cnn14,),
    "metrics/passt": (Passt,),
    "metrics/vggish": (Vggish,),
    "metrics/imagebind": (ImageBind,),
    "synchformer/visual": (Synchformer, SynchformerAudio, SynchformerOffset),
}
NAMES = (*EXTRACTORS, OFFSET_SCORER.name)
QUIET = Progress()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extractors", description=__doc__)
    parser.add_argument("--only", default=",".join(NAMES), help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--one", nargs=2, metavar=("NAME", "WEIGHTS"), help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=2, metavar=("ID", "WEIGHTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_random_weights(PARTS[options.write[0]], Path(options.write[1]))
        return
    if options.one:
        torch.set_num_threads(options.threads)
        print(json.dumps(measure_extractor(options.one[0], Path(options.one[1]))))
        return
    machine = {
        "processor": platform.processor() or platform.machine(),
        "threads": options.threads,
        "torch": torch.__version__,
        "device": str(torch_device(Execution())),
        "clip_s": DURATION_S,
    }
    rows = earlier(machine) | {name: row_of(name, options.threads) for name in options.only.split(",")}
    for name, row in rows.items():
        print(f"{name:<20}" + "".join(f"  {key} {value:.2f}" for key, value in row.items()))
    print("written to", save({**machine, "rows": rows}, "extractors"))


def earlier(machine: dict[str, object]) -> dict[str, dict[str, float]]:
    """The rows of the run before, if it was on a machine like this one."""
    file = Path(__file__).parent / "results" / "extractors.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    return before["rows"] if {key: before.get(key) for key in machine} == machine else {}


def row_of(name: str, threads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        answer, (needed,) = Path(folder) / "answer", tool_of(name).needs
        weights, this = Path(folder) / "weights.pth", f"{sys.executable} -m benchmarks.extractors"
        # Apart, for a process counts as its own peak what the one that started it had in memory then.
        cost_of([*this.split(), "--write", needed, str(weights)])
        cost = cost_of(["/bin/sh", "-c", f"exec {this} --one {name} {weights} --threads {threads} > {answer}"])
        return {**json.loads(answer.read_text()), "peak_mb": cost.peak_mb}


def tool_of(name: str) -> Any:
    return offset_scorer() if name == OFFSET_SCORER.name else extractor(name)


def measure_extractor(name: str, weights: Path) -> dict[str, float]:
    """Wall and processor seconds of one clip."""
    tool = tool_of(name)
    execution = Execution(weights={tool.needs[0]: weights})
    with tool.running(execution, QUIET):
        pass
    with tempfile.TemporaryDirectory() as folder:
        work = job(tool, execution, Path(folder))
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        return {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def job(tool: Any, execution: Execution, folder: Path) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    if not hasattr(tool, "takes"):
        pair = [torch.randn(24, tokens, 768, generator=generator) for tokens in (8, 6)]
        return lambda: tool.score(*pair, execution, QUIET)
    if tool.input_kind == "clip":
        clip = Clip.open(moving_noise(folder / "clip.mp4"))
        return lambda: tool.extract(clip, execution, QUIET)
    sound = Audio(0.1 * torch.randn(2, round(DURATION_S * 44100), generator=generator), 44100)
    return lambda: tool.extract(sound, execution, QUIET)


def write_random_weights(parts: Sequence[Callable[[], nn.Module]], path: Path) -> None:
    state: dict[str, Tensor] = {}
    for build in parts:
        with torch.device("meta"):
            empty = build().state_dict()
        state |= {
            name: torch.full(tensor.shape, 0.01, dtype=tensor.dtype)
            if tensor.is_floating_point()
            else torch.zeros(tensor.shape, dtype=tensor.dtype)
            for name, tensor in empty.items()
        }
    torch.save(state, path)


def moving_noise(path: Path) -> Path:
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (360, 480, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), width=480, height=360)
        stream.pix_fmt = "yuv420p"
        for index in range(round(DURATION_S * 25)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(picture, index, axis=1), format="rgb24")))
        container.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    main()
