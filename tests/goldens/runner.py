"""Walks golden folders, runs each component and prints a line per compared output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.goldens import silence

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """A comparison's numbers; `problem` says why it could not be compared, if so."""

    file: Path
    output: str
    error: float = float("nan")
    largest: float = float("nan")
    tolerance: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and self.error <= self.tolerance

    def line(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        if self.problem:
            return f"{verdict}  {self.file.name}  {self.output}  {self.problem}"
        return (f"{verdict}  {self.file.name}  {self.output:<36} error {self.error:.3e}  "
                f"largest {self.largest:.3e}  tolerance {self.tolerance:.1e}")


Component = Callable[[dict[str, Any], Tensors], Iterator[tuple[str, Any, Any, float]]]

# A golden file belongs to the component whose name begins its own.
COMPONENTS: dict[str, Component] = {"silence": silence.compare}


def run(folders: list[Path]) -> list[Outcome]:
    """Every comparison in `folders`, searched recursively; a file no component claims is a failure."""
    outcomes: list[Outcome] = []
    for folder in folders:
        files = sorted(folder.rglob("*.json")) if folder.is_dir() else []
        if not files:
            outcomes.append(Outcome(folder, "", problem="no golden files here"))
        for file in files:
            outcomes.extend(_run_file(file))
        outcomes.extend(Outcome(orphan, "", problem="tensors without a JSON beside them")
                        for orphan in sorted(folder.rglob("*.safetensors")) if not orphan.with_suffix(".json").exists())
    return outcomes


def _run_file(file: Path) -> Iterator[Outcome]:
    component = next((run for name, run in COMPONENTS.items() if file.stem.startswith(name)), None)
    if component is None:
        yield Outcome(file, "", problem="no component of this project claims this file")
        return
    rows = component(json.loads(file.read_text()), _tensors(file.with_suffix(".safetensors")))
    compared = [_compare(file, *row) for row in rows]
    yield from compared or [Outcome(file, "", problem="nothing was compared")]


def _tensors(file: Path) -> Tensors:
    if not file.exists():
        return {}
    from safetensors.numpy import load_file

    return load_file(file)


def _compare(file: Path, output: str, got: Any, expected: Any, tolerance: float) -> Outcome:
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if got.shape != expected.shape:
        return Outcome(file, output, problem=f"shape {got.shape}, expected {expected.shape}")
    error = float(np.max(np.abs(got - expected), initial=0.0))
    return Outcome(file, output, error, float(np.max(np.abs(expected), initial=0.0)), tolerance)
