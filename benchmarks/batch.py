"""Benchmark of batches: scaling with workers, and an estimate for VGGSound's test set.

`python -m benchmarks.batch [CLIPS]`.

Whole `deepsound batch` processes on the embedded engines, one torch thread in each, on clips that differ in every
frame, so that nothing is cached between them: one worker, two shards side by side, and two workers on Ray where it is
installed. Clips a minute are counted from the first clip's end to the last's,
so that start-up is told apart; the overhead is what lies between one clip's pipeline and the next one's in the same
worker; memory is the peak of each worker. On a machine with other work the two-worker rows tell as much of that as of
scaling: the load is written beside them, and processor seconds a clip, which other work hardly touches.

The arithmetic for 15,000 clips on 8 GPUs adds up stage times that the other benchmarks wrote, where they were measured
on a GPU, and names what was not.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._clips import make_clip
from benchmarks._measure import save

CLIPS = 6
CLIP_S = 10
VGGSOUND_CLIPS, GPUS = 15_000, 8
JUDGEMENT_TOKENS = 200
RESULTS = Path(__file__).parent / "results"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass
class Watch:
    """What the workers that a batch's records name have taken, read while they live.

    `peaks` are resident megabytes; `processor` holds, for a worker, its clips so far and its processor seconds then.
    """

    out: Path
    peaks: dict[str, float] = field(default_factory=dict)
    processor: dict[str, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def until(self, over: threading.Event) -> None:
        while not over.wait(0.1):
            workers = Counter(record["worker"] for record in records_of(self.out))
            for worker, clips in workers.items():
                with contextlib.suppress(OSError):
                    process = Path("/proc") / worker.rpartition(":")[2]
                    # One that has just ended no longer tells.
                    self.peaks[worker] = max(self.peaks.get(worker, 0.0), peak_mb(process))
                    self.processor[worker].setdefault(clips, processor_s(process))

    @property
    def processor_s_a_clip(self) -> float | None:
        """Between each worker's first and last clip that was seen."""
        spans = [(max(seen) - min(seen), seen[max(seen)] - seen[min(seen)]) for seen in self.processor.values()]
        clips = sum(clips for clips, _ in spans)
        return sum(seconds for _, seconds in spans) / clips if clips else None


def peak_mb(process: Path) -> float:
    """The largest a living process has been, in MB."""
    lines = (process / "status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def processor_s(process: Path) -> float:
    """Processor seconds of a living process, all its threads together."""
    ticks = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def records_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in out.glob("*.batch.json")]


def measure(name: str, clips: Path, out: Path, commands: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Run batches side by side into one folder and read what their records tell."""
    watch, over = Watch(out), threading.Event()
    watcher = threading.Thread(target=watch.until, args=(over,))
    watcher.start()
    began = time.time()
    base = [
        sys.executable,
        "-m",
        "deepsound",
        "batch",
        str(clips),
        "--out",
        str(out),
        "--generator",
        "draft",
        "--quiet",
    ]
    processes = [subprocess.Popen([*base, *more], env={**os.environ, **ONE_THREAD}) for more in commands]
    codes = [process.wait() for process in processes]
    wall_s = time.time() - began
    over.set()
    watcher.join()
    if any(codes):
        raise RuntimeError(f"{name} ended with {codes}")
    return {
        "name": name,
        "wall_s": wall_s,
        "peak_mb": sorted(watch.peaks.values()),
        "processor_s_a_clip": watch.processor_s_a_clip,
        "load_average": os.getloadavg()[0],
        **timings(records_of(out), began),
    }


def timings(records: list[dict[str, Any]], began: float) -> dict[str, Any]:
    """Clips a minute, seconds until the first clip was done, and what lies between clips."""
    by_worker: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record["ended_at"]):
        by_worker[record["worker"]].append(record)
    ends = sorted(record["ended_at"] for record in records)
    between = [
        later["ended_at"] - earlier["ended_at"] - later["told"]["total_s"]
        for mine in by_worker.values()
        for earlier, later in pairwise(mine)
    ]
    return {
        "clips": len(records),
        "workers": len(by_worker),
        "first_clip_after_s": ends[0] - began,
        "clips_per_minute": 60 * (len(ends) - 1) / (ends[-1] - ends[0]),
        "overhead_s": sum(between) / len(between),
        "pipeline_s": sum(record["told"]["total_s"] for record in records) / len(records),
    }


def runs() -> dict[str, list[list[str]]]:
    """The command lines of each way to work."""
    ways: dict[str, list[list[str]]] = {
        "1 worker": [[]],
        "2 workers, shards": [["--shard", "1/2"], ["--shard", "2/2"]],
    }
    if importlib.util.find_spec("ray"):
        ways["2 workers, Ray"] = [["--ray", "--workers", "2"]]
    return ways


def stages() -> dict[str, float | None]:
    """Seconds a clip of each stage on one GPU, from the other benchmarks; None where no GPU was measured."""
    run, reasoner, separator = (read(name) for name in ("mmaudio_run", "reasoner", "separator"))
    on_cuda = reasoner.get("7B on CUDA")
    judge = None
    if isinstance(on_cuda, dict):
        judge = on_cuda["plain"]["prefill_s"] + JUDGEMENT_TOKENS * on_cuda["plain"]["s_per_token"]
    return {
        "1 generate: mmaudio, a further 8 s clip": row_on_gpu(run, "results", "a 480x360 clip", "again_s"),
        f"2 judge: videollama2 7B, prompt and {JUDGEMENT_TOKENS} tokens": judge,
        "3 remove: bs_roformer, clean": row_on_gpu(separator, "rows", "bs_roformer, clean", "wall_s"),
    }


def read(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def row_on_gpu(results: dict[str, Any], rows: str, name: str, key: str) -> float | None:
    """A row's number, if the file says that it was measured on CUDA."""
    if not str(results.get("device", "")).startswith("cuda"):
        return None
    return next((row[key] for row in results.get(rows, []) if row["name"] == name), None)


def arithmetic(measured: dict[str, float | None], beside_s: float) -> dict[str, Any]:
    """Hours for VGGSound's test set, every clip through every stage; only as a sum when every stage was measured."""
    known = [seconds for seconds in measured.values() if seconds is not None]
    whole = sum(known) + beside_s if len(known) == len(measured) else None
    return {
        "clips": VGGSOUND_CLIPS,
        "gpus": GPUS,
        "stage_seconds": measured,
        "beside_stages_s": beside_s,
        "hours": None if whole is None else VGGSOUND_CLIPS * whole / GPUS / 3600,
        "hours_of_the_measured": VGGSOUND_CLIPS * (sum(known) + beside_s) / GPUS / 3600,
    }


def beside_stages(records: list[dict[str, Any]]) -> float:
    """Seconds a clip outside the networks' steps: opening, writing sounds and video, measuring loudness."""
    told = [record["told"] for record in records]
    return sum(clip["total_s"] - sum(clip["step_seconds"].values()) for clip in told) / len(told)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CLIPS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "clips").mkdir()
        for index in range(count):
            make_clip(work / "clips" / f"{index}.mp4", 480, 360, CLIP_S, fps=30, shade=index)
        print(
            f"{'':<18} {'clips/min':>10} {'pipeline':>10} {'processor':>10} {'overhead':>10} {'first after':>12} "
            f"{'memory each':>16}"
        )
        results = []
        for number, (name, commands) in enumerate(runs().items()):
            results.append(measure(name, work / "clips", work / f"out{number}", commands))
            show(results[-1])
        beside_s = beside_stages(records_of(work / "out0")) + results[0]["overhead_s"]
    sums = arithmetic(stages(), beside_s)
    show_arithmetic(sums, results)
    embedded_h = VGGSOUND_CLIPS / results[0]["clips_per_minute"] / 60
    machine = {"cores": os.cpu_count(), "clip_s": CLIP_S, "threads_a_worker": 1}
    print(
        "written to",
        save({**machine, "results": results, "vggsound": sums, "vggsound_embedded_one_worker_h": embedded_h}, "batch"),
    )


def show(row: dict[str, Any]) -> None:
    memory = ", ".join(f"{peak:.0f}" for peak in row["peak_mb"])
    print(
        f"{row['name']:<18} {row['clips_per_minute']:10.1f} {row['pipeline_s']:8.2f} s "
        f"{row['processor_s_a_clip'] or float('nan'):8.2f} s "
        f"{row['overhead_s'] * 1e3:7.1f} ms {row['first_clip_after_s']:10.1f} s {memory:>13} MB",
        flush=True,
    )


def show_arithmetic(sums: dict[str, Any], results: list[dict[str, Any]]) -> None:
    print(f"\nVGGSound's test set, {VGGSOUND_CLIPS} clips on {GPUS} GPUs, every clip through every stage:")
    for name, seconds in sums["stage_seconds"].items():
        print(f"  {name:<52} {'not measured on a GPU' if seconds is None else f'{seconds:.2f} s a clip'}")
    print(f"  {'beside the stages (one processor, measured above)':<52} {sums['beside_stages_s']:.2f} s a clip")
    hours = sums["hours"]
    print(
        f"  {'in all':<52} "
        + (
            f"{hours:.1f} h"
            if hours is not None
            else f"not known without all stages; the rest alone: {sums['hours_of_the_measured']:.1f} h"
        )
    )
    alone_h = VGGSOUND_CLIPS / results[0]["clips_per_minute"] / 60
    print(
        f"  the embedded engines, one worker of this machine: {alone_h:.1f} h; eight such workers, if nothing is "
        f"shared: {alone_h / 8:.1f} h"
    )


if __name__ == "__main__":
    main()
