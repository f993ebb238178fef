"""Seconds that the steps of earlier runs took on this machine, kept in the cache folder."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from deepsound.runtime.cache_folder import own_cache
from deepsound.runtime.file_lock import try_lock

FOLDER, NAME = "run_times", "run_times.json"
MOST_RUNS, MOST_KEYS, MAX_BYTES = 20, 400, 4 << 20
# Clips whose lengths differ by no more than this factor are taken to need the same time.
ALIKE = 1.5


@dataclass(frozen=True)
class RunTime:
    """How long a step took: seconds, those of the clip, and whether it was the process's first clip (and loaded)."""

    seconds: float
    clip_s: float
    is_first: bool


@dataclass(frozen=True)
class Estimate:
    """Seconds that a step will take, from how many earlier runs; `is_scaled` from clips of another length."""

    seconds: float
    runs: int
    is_scaled: bool


def estimate(earlier: tuple[RunTime, ...], clip_s: float, is_first: bool = True) -> Estimate | None:
    """The median of earlier runs on clips of about that length, else of all, scaled; None where there are none.

    Runs that were first in their process, or later ones, are preferred as `is_first` says.
    """
    runs = [run for run in earlier if run.is_first == is_first] or list(earlier)
    if not runs:
        return None
    alike = [run.seconds for run in runs if 1 / ALIKE <= run.clip_s / clip_s <= ALIKE]
    if alike:
        return Estimate(median(alike), len(alike), False)
    return Estimate(median(run.seconds * clip_s / run.clip_s for run in runs), len(runs), True)


def earlier_runs(folder: Path | None = None) -> dict[str, tuple[RunTime, ...]]:
    """What was kept in the cache `folder` (default: this process's own), by key; nothing where it cannot be read."""
    with contextlib.suppress(Exception):
        return _read((folder or own_cache()) / FOLDER / NAME)
    return {}


def keep(times: Mapping[str, RunTime], folder: Path | None = None) -> None:
    """Add a run's times by key. It never raises: where they cannot be kept, or another process is at it, they are lost.

    The last 20 runs of a key stay, and the 400 keys that were used last.
    """
    # A finished run must not fail for this, whatever the system or the environment says.
    with contextlib.suppress(Exception):
        place = (folder or own_cache()) / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        with _locked(place / "lock") as is_locked:
            if is_locked:
                _add(place / NAME, times)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield try_lock(descriptor) == "taken"
    finally:
        os.close(descriptor)


def _add(path: Path, times: Mapping[str, RunTime]) -> None:
    known = _read(path)
    for key, time in times.items():
        # Put in anew, so that the keys are in the order of their last use.
        known[key] = (*known.pop(key, ()), time)[-MOST_RUNS:]
    last = list(known.items())[-MOST_KEYS:]
    rows = {key: [[run.seconds, run.clip_s, run.is_first] for run in runs] for key, runs in last}
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(rows, allow_nan=False), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, tuple[RunTime, ...]]:
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    known = {key: tuple(map(_run_time, filter(_is_row, rows))) for key, rows in data.items() if isinstance(rows, list)}
    return {key: runs for key, runs in known.items() if runs}


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 3 and _is_seconds(row[0]) and _is_seconds(row[1]) and row[1] > 0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9 and math.isfinite(value)


def _run_time(row: list[Any]) -> RunTime:
    return RunTime(float(row[0]), float(row[1]), row[2] is True)
