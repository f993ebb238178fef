"""Benchmark of the embedded engines, start-up included.

`python -m benchmarks.embedded [CLIP]`.

Measures whole `deepsound run` processes: a 10 s 480x360 clip (or the CLIP given) through draft + rules, and 1080p
clips of 20 s and 180 s, whose peak memory should be the same. The floor beside them is one decoding pass of the
same file and nothing else, in the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks._clips import make_clip
from benchmarks._measure import Cost, cost_of, save

DECODE_ONLY = """
import sys, av
with av.open(sys.argv[1]) as container:
    container.streams.video[0].thread_type = "AUTO"
    for frame in container.decode(video=0): pass
"""


def measure(name: str, clip: Path, out: Path) -> dict[str, object]:
    floor = cost_of([sys.executable, "-c", DECODE_ONLY, str(clip)])
    run = cost_of(
        [
            sys.executable,
            "-m",
            "deepsound",
            "run",
            str(clip),
            "--generator",
            "draft",
            "--reasoner",
            "rules",
            "--output_dir",
            str(out),
            "--quiet",
        ]
    )
    return {"name": name, "run": vars(run), "decode_only": vars(floor)}


def row(result: dict[str, object]) -> str:
    run, floor = Cost(**result["run"]), Cost(**result["decode_only"])  # type: ignore[arg-type]
    return (
        f"{result['name']:<22} {run.wall_s:8.1f} s {run.cpu_s:8.1f} s {run.peak_mb:8.0f} MB"
        f" {floor.wall_s:12.1f} s {run.wall_s / floor.wall_s:8.1f} x"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        clips = {
            "10 s, 480x360" if given is None else given.name: given
            or make_clip(work / "small.mp4", 480, 360, 10, fps=30),
            "20 s, 1920x1080": make_clip(work / "short.mp4", 1920, 1080, 20),
            "180 s, 1920x1080": make_clip(work / "long.mp4", 1920, 1080, 180),
        }
        results = []
        print(f"{'clip':<22} {'wall':>10} {'processor':>10} {'peak memory':>11} {'decode only':>14} {'ratio':>10}")
        for name, clip in clips.items():
            results.append(measure(name, clip, work / "out"))
            print(row(results[-1]), flush=True)
    print("written to", save({"cores": os.cpu_count(), "results": results}, "embedded"))


if __name__ == "__main__":
    main()
