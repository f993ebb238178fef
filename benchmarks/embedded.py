"""Benchmark of the embedded engines, start-up included.

`python -m benchmarks.embedded [CLIP] [--case NAME] [--turns 3]`.

Whole `deepsound run` processes with the embedded engines, one torch thread in each: a 10 s 480x360 clip
(or the CLIP given), 1080p clips of 20 s and 180 s, whose peak memory should be the same, and 20 minutes of 320x180,
which take minutes. The floor beside them is one decoding pass of the same file and nothing else. The commands that only
inform, and what a run imports, are measured by themselves. Modules are compiled once, by the first of several turns, as
installed ones are. The turn with the least processor time counts; beside other work only processor seconds say
something, and the load is written beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._clips import make_clip
from benchmarks._measure import Cost, cost_of, save

DECODE_ONLY = """
import sys, av
with av.open(sys.argv[1]) as container:
    container.streams.video[0].thread_type = "AUTO"
    for frame in container.decode(video=0): pass
"""
# In a process of its own: torch in this one would count as memory of every process that is started from here.
MACHINE = "import json; from benchmarks.mmaudio import machine; print(json.dumps(machine(1)))"
# What a run imports, less what this interpreter needs for itself.
START_UP = {
    "Python": "pass",
    "torch": "import torch",
    "PyAV, NumPy": "import av, numpy",
    "OpenCV": "import cv2",
}
COMMANDS = {
    "deepsound --version": ["--version"],
    "deepsound --help": ["--help"],
    "deepsound engines": ["engines"],
}
ENGINES = ["--preset", "embedded", "--generator", "draft"]
# Seconds, width, height, frames a second.
CASES = {
    "10 s, 480x360": (10, 480, 360, 30),
    "20 s, 1920x1080": (20, 1920, 1080, 25),
    "180 s, 1920x1080": (180, 1920, 1080, 25),
    "20 minutes, 320x180": (1200, 320, 180, 25),
}


def least(command: Sequence[str], turns: int) -> Cost:
    """The turn with the least processor time."""
    return min((cost_of(command, is_shown=False) for _ in range(turns)), key=lambda cost: cost.cpu_s)


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def measure(name: str, clip: Path, out: Path, turns: int) -> dict[str, Any]:
    """A case: the run, its steps by the wall clock as its record has them, and the floor."""
    floor = least(python("-c", DECODE_ONLY, str(clip)), turns)
    run = least(python("-m", "deepsound", "run", str(clip), *ENGINES, "--output_dir", str(out), "--quiet"), turns)
    record = json.loads((out / f"{clip.stem}.result.json").read_text(encoding="utf-8"))
    steps = {step["name"]: step["seconds"] for step in record["steps"]}
    return {
        "name": name,
        "run": vars(run),
        "decode_only": vars(floor),
        "steps_wall_s": {**steps, "all steps and files": record["total_s"]},
        "load_average": os.getloadavg()[0],
    }


def start_up(turns: int) -> dict[str, float]:
    """Processor seconds of each import by itself, the interpreter's own taken off, and of the commands that inform."""
    taken = {name: least(python("-c", code), turns).cpu_s for name, code in START_UP.items()}
    own = taken["Python"]
    imports = {name: seconds if name == "Python" else max(seconds - own, 0.0) for name, seconds in taken.items()}
    return imports | {
        name: least(python("-m", "deepsound", *arguments), turns).cpu_s for name, arguments in COMMANDS.items()
    }


def row(result: dict[str, Any]) -> str:
    run, floor = Cost(**result["run"]), Cost(**result["decode_only"])
    return (
        f"{result['name']:<22} {run.wall_s:8.1f} s {run.cpu_s:8.1f} s {run.peak_mb:8.0f} MB"
        f" {floor.wall_s:12.1f} s {run.wall_s / floor.wall_s:8.1f} x"
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedded", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, help="a clip of your own in place of the first case")
    parser.add_argument("--case", choices=CASES, action="append", help="this case alone; may be given several times")
    parser.add_argument("--turns", type=int, default=3, help="turns of the short cases (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the JSON (default: benchmarks/results/embedded.json)")
    return parser.parse_args()


def main() -> None:
    asked = options()
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results: list[dict[str, Any]] = []
    machine = json.loads(subprocess.check_output(python("-c", MACHINE)))
    begun = {**machine, "start_up_cpu_s": start_up(asked.turns)}
    print(f"{'clip':<22} {'wall':>10} {'processor':>10} {'peak memory':>11} {'decode only':>14} {'ratio':>10}")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for number, (name, (seconds, width, height, fps)) in enumerate(CASES.items()):
            if asked.case and name not in asked.case:
                continue
            given = asked.clip if number == 0 else None
            clip = given or make_clip(work / f"{number}.mp4", width, height, seconds, fps=fps)
            turns = asked.turns if seconds <= 20 else 1
            results.append(measure(name if given is None else given.name, clip, work / "out", turns))
            # After each: the last case takes minutes.
            written = save({**begun, "results": results}, "embedded", asked.out)
            print(row(results[-1]), "written to", written, flush=True)


if __name__ == "__main__":
    main()
