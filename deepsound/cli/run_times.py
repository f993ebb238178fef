"""Times of `deepsound run`: what finished runs took, and a dry run's estimate."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from typing import Any

from deepsound.outcome import Choices
from deepsound.outputs import Result
from deepsound.runtime.execution import Execution
from deepsound.runtime.run_times import Estimate, RunTime, earlier_runs, estimate, keep

# The kind of engine that takes each step; the rest of a run's time is reading, encoding and writing.
ENGINES = {
    "plan": "reasoner",
    "generate": "generator",
    "judge": "reasoner",
    "remove": "separator",
    "silence": "",
    "generate again": "generator",
    "write": "",
}
# Steps of every run; of the others it is known only when the sound was judged whether they are needed.
ALWAYS = ("plan", "generate", "judge", "write")


class TimeKeeper:
    """Keeps the times of the runs of one process, whose first one also loads the engines."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._is_first = True

    def keep(self, result: Result, arguments: Mapping[str, Any]) -> None:
        """Keep the times of a finished run with these arguments of Pipeline.run; never raises."""
        outcome, is_first, self._is_first = result.outcome, self._is_first, False
        with contextlib.suppress(Exception):
            seconds: dict[str, float] = {}
            for step in outcome.steps:
                seconds[step.name] = seconds.get(step.name, 0.0) + step.seconds
            seconds["write"] = max(result.total_s - sum(seconds.values()), 0.0)
            length = outcome.coarse.duration_s
            keep(
                {
                    key_of(step, outcome.choices, self._execution, arguments): RunTime(taken, length, is_first)
                    for step, taken in seconds.items()
                    if step in ENGINES
                }
            )


def key_of(step: str, choices: Choices, execution: Execution, arguments: Mapping[str, Any]) -> str:
    """What a step's time holds for: engine, device, precision and what else changes it much."""
    kind = ENGINES[step]
    picked = arguments.get("takes", 1) if arguments.get("pick") else 1
    parts = {
        "engine": getattr(choices, kind).name if kind else choices.generator.name,
        "device": execution.device,
        "precision": execution.precision,
        "offload": execution.offload,
        "compiled": execution.compiled,
        "steps": arguments.get("steps"),
        "takes": picked,
        # A cache folder may be shared by several machines, and `auto` takes another device where none is visible.
        "machine": platform.node(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", "all"),
    }
    return " ".join([step.replace(" ", "_"), *(f"{name}={value}" for name, value in parts.items())])


def times_of(
    choices: Choices, clip_s: float, execution: Execution, arguments: Mapping[str, Any], is_first: bool
) -> dict[str, Estimate | None]:
    """The estimate of every step, for all takes; None for one that no earlier run has taken with these engines.

    `is_first` is for the process's first clip, whose first take also loads the engines.
    """
    earlier = earlier_runs()
    more_takes = 0 if arguments.get("pick") else arguments.get("takes", 1) - 1
    times: dict[str, Estimate | None] = {}
    for step in ENGINES:
        runs = earlier.get(key_of(step, choices, execution, arguments), ())
        first, later = (estimate(runs, clip_s, is_first=when) for when in (is_first, False))
        if first is not None and later is not None:
            seconds = first.seconds + more_takes * later.seconds
            times[step] = Estimate(seconds, first.runs, first.is_scaled)
        else:
            times[step] = None
    return times


def times_json(times: dict[str, Estimate | None]) -> dict[str, Any]:
    """`total_s` of the steps that every run takes (null: not known), and each step's seconds and earlier runs."""
    total = total_of(times)
    return {
        "total_s": None if total is None else round(total.seconds, 3),
        "earlier_runs": 0 if total is None else total.runs,
        "steps": {
            step: None
            if one is None
            else {
                "seconds": round(one.seconds, 3),
                "earlier_runs": one.runs,
                "scaled": one.is_scaled,
                "always": step in ALWAYS,
            }
            for step, one in times.items()
        },
    }


def time_line(times: dict[str, Estimate | None], choices: Choices) -> str:
    """The time in all and of each step, with how many earlier runs it is from."""
    total = total_of(times)
    if total is None:
        kinds = dict.fromkeys(ENGINES[step] for step in ALWAYS if times[step] is None and ENGINES[step])
        names = " and ".join(getattr(choices, kind).name for kind in kinds) or choices.generator.name
        return f"unknown: no earlier run of {names} with these settings on this machine"
    steps = ", ".join(f"{step} {time_text(one.seconds)}" for step, one in times.items() if one and step in ALWAYS)
    more = ", ".join(f"{step} {time_text(one.seconds)}" for step, one in times.items() if one and step not in ALWAYS)
    text = f"about {time_text(total.seconds)} ({source_text(total)}): {steps}"
    return text + (f"; where needed {more}" if more else "")


def total_of(times: dict[str, Estimate | None]) -> Estimate | None:
    """All steps that every run takes, from as many runs as the least known one; None where one is not known."""
    known = [one for step in ALWAYS if (one := times[step]) is not None]
    if len(known) < len(ALWAYS):
        return None
    return Estimate(sum(one.seconds for one in known), min(one.runs for one in known), any(o.is_scaled for o in known))


def source_text(estimate: Estimate) -> str:
    """What an estimate is from, for a person."""
    runs = f"{estimate.runs} earlier run{'s' * (estimate.runs != 1)} on this machine"
    return f"from {runs}" + (", scaled from clips of another length" if estimate.is_scaled else "")


def time_text(seconds: float) -> str:
    """Seconds for a person to read, as in 4.2 s, 90 s, 12 min, 3.5 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
