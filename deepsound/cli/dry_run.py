"""`deepsound run --dry-run`: what the run would do, before anything is loaded or written."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepsound.cli.exit_codes import SOME_FAILED
from deepsound.cli.formatting import print_json
from deepsound.cli.run_times import time_line, times_json, times_of
from deepsound.cli.unused_options import unused_options
from deepsound.dry_run import DryRun, dry_run
from deepsound.errors import EngineError, InputError, MediaError
from deepsound.pipeline import Pipeline
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import escaped
from deepsound.runtime.run_times import Estimate

Times = dict[str, Estimate | None]


def show(
    pipeline: Pipeline,
    videos: tuple[str, ...],
    options: argparse.Namespace,
    arguments: dict[str, Any],
    execution: Execution,
) -> int:
    """Print what `pipeline` would do with each video, and return the exit code.

    Raises what the run would raise before its work; of several videos, those that would fail are named instead.
    """
    explicit = dict(execution.weights)
    unused = unused_options(options)
    runs: list[DryRun] = []
    times: list[Times] = []
    failed: dict[str, str] = {}
    for video in videos:
        try:
            run = dry_run(
                pipeline, video, options.output_dir, explicit=explicit, pictures=options.pictures, **arguments
            )
        except (InputError, MediaError, EngineError) as error:
            if len(videos) == 1:
                raise
            failed[video] = str(error)
            continue
        # The first clip of a process loads the engines.
        times.append(times_of(run.choices, run.duration_s, execution, arguments, is_first=not runs))
        runs.append(replace(run, notes=(*unused, *run.notes)))
    if options.json:
        records = [{**run.to_json(), "time": times_json(time)} for run, time in zip(runs, times, strict=True)]
        print_json("dry_run", records[0] if len(videos) == 1 else records)
    else:
        _print_runs(runs, times, failed)
    for video, problem in failed.items():
        print(f"deepsound: {escaped(video)}: {problem}", file=sys.stderr)
    return SOME_FAILED if failed else 0


def _print_runs(runs: list[DryRun], times: list[Times], failed: dict[str, str]) -> None:
    for run, time in zip(runs, times, strict=True):
        print("\n".join(_lines(run, time)), end="\n\n" if len(runs) > 1 else "\n")
    if failed:
        print(f"{len(runs)} of {len(runs) + len(failed)} videos can be done, {len(failed)} cannot.")
    print("Nothing was loaded, downloaded or written.")


def _lines(run: DryRun, times: Times) -> list[str]:
    choices = run.choices
    engines = (("generator", choices.generator), ("reasoner", choices.reasoner), ("separator", choices.separator))
    return [
        f"{'clip':<10} {escaped(run.video)}, {run.duration_s:.2f} s",
        *(f"{step:<10} {choice.name}{f' ({choice.why})' if choice.why else ''}" for step, choice in engines),
        *_weights(run),
        *(f"{'file':<10} {escaped(path)}{_mark(run, path)}" for path in run.files),
        *(f"{'perhaps':<10} {escaped(path)}{_mark(run, path)}" for path in run.perhaps),
        *(f"{'note':<10} {note}" for note in run.notes),
        f"{'time':<10} {time_line(times, choices)}",
    ]


def _weights(run: DryRun) -> list[str]:
    if not run.weights:
        return [f"{'weights':<10} none of the published ones"]
    lines = []
    for entry in run.weights:
        size = "size not stated" if entry.bytes is None else f"{entry.bytes / 1e9:.2f} GB"
        where = f"MISSING, {size}, {entry.licence}" if entry.path is None else escaped(entry.path)
        lines.append(f"{'weights':<10} {entry.id}: {where}")
    sizes = " or ".join(f"{size / 1e9:.1f} GB in {precision}" for precision, size in run.memory.items())
    return [*lines, f"{'memory':<10} {sizes} for all weights at once; --offload holds one network at a time"]


def _mark(run: DryRun, path: Path) -> str:
    return " (replaces what is there)" if path in run.replaced else ""
