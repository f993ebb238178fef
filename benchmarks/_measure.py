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
    """Wall time in seconds, peak resident memory in MB and processor seconds of one process.

    `anonymous_mb` is the peak of what is no file's, looked at ten times a second; 0 where /proc does not tell.
    """

    wall_s: float
    peak_mb: float
    cpu_s: float
    anonymous_mb: float = 0.0


def cost_of(command: Sequence[str], is_shown: bool = True) -> Cost:
    """Run `command` to its end; what it prints `is_shown` or not. Raises RuntimeError when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=None if is_shown else subprocess.DEVNULL)
    anonymous_mb, ended = 0.0, 0
    while not ended:
        anonymous_mb = max(anonymous_mb, _anonymous_mb(process.pid))
        time.sleep(0.1)
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    to_mb = 1 / 1e6 if sys.platform == "darwin" else 1 / 1024
    return Cost(wall_s, usage.ru_maxrss * to_mb, usage.ru_utime + usage.ru_stime, anonymous_mb)


def _anonymous_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


def save(results: dict[str, object], name: str, target: Path | None = None) -> Path:
    """Write `results` as JSON, to `target` or else below benchmarks/results/, and return the file."""
    target = target or Path(__file__).parent / "results" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    return target
