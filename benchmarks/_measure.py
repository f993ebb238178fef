"""Wall time and peak resident memory of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall time in seconds, peak resident memory in MB and processor seconds of one process."""

    wall_s: float
    peak_mb: float
    cpu_s: float


def cost_of(command: Sequence[str]) -> Cost:
    """Run `command` to its end. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    to_mb = 1 / 1e6 if sys.platform == "darwin" else 1 / 1024
    return Cost(wall_s, usage.ru_maxrss * to_mb, usage.ru_utime + usage.ru_stime)


def save(results: dict[str, object], name: str) -> Path:
    """Write `results` as JSON below benchmarks/results/ and return the file."""
    target = Path(__file__).parent / "results" / f"{name}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    return target
