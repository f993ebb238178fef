"""Benchmark of peak memory on long videos: draft, rules, separator and mux.

`python -m benchmarks.long_video [--size 1920x1080] [--fps 25] [--minutes 10,60] [--budget-mb 2000]`.

The growth per second of video is the difference of two lengths; what an hour takes is extrapolated from it, and
measured where 60 is among the lengths. Beside the peak of all resident memory is that of its anonymous part (Linux),
which the system cannot take back.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks._clips import make_clip
from benchmarks._measure import cost_of, save

HOUR_S = 3600.0


def measure(size: tuple[int, int], seconds: float, folder: Path, fps: int = 25) -> dict[str, float]:
    """One whole `deepsound run` in a process of its own."""
    clip = make_clip(folder / f"{seconds:g}.mp4", *size, round(seconds), fps=fps)
    steps = ["--generator", "draft", "--reasoner", "rules", "--separator", "bs_roformer_tiny"]
    cost = cost_of([sys.executable, "-m", "deepsound", "run", str(clip), "-o", str(folder / "out"), "--quiet", *steps])
    return {
        "seconds": seconds,
        "peak_mb": cost.peak_mb,
        "anonymous_mb": cost.anonymous_mb,
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
    }


def main() -> None:
    """Print a table and write benchmarks/results/long_video.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--minutes", default="10,60", help="two or more lengths")
    parser.add_argument("--budget-mb", type=float, default=2000.0)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            measure((width, height), 60 * float(part), Path(folder), options.fps) for part in options.minutes.split(",")
        ]
    first, last = rows[0], rows[-1]
    growth = (last["peak_mb"] - first["peak_mb"]) / max(last["seconds"] - first["seconds"], 1.0)
    hour_mb = last["peak_mb"] + growth * (HOUR_S - last["seconds"])
    print(f"{'video':>8} {'peak MB':>9} {'anonymous':>9} {'wall s':>8} {'cpu s':>8}")
    for row in rows:
        print(
            f"{row['seconds']:>7.0f}s {row['peak_mb']:>9.0f} {row['anonymous_mb']:>9.0f} {row['wall_s']:>8.1f} "
            f"{row['cpu_s']:>8.1f}"
        )
    within = "within" if hour_mb <= options.budget_mb else "over"
    print(f"{60 * growth:.1f} MB per minute; an hour: {hour_mb:.0f} MB, {within} the {options.budget_mb:.0f} MB")
    results = {"size": options.size, "fps": options.fps, "runs": rows, "mb_per_second": growth, "hour_mb": hour_mb}
    print(save(results, "long_video"))


if __name__ == "__main__":
    main()
