"""A training run of a separator: folders in, a file of weights and a held-out report out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import is_same_file
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import SHIPPED, separation, shipped_file
from deepsound.separate.roformer import RoformerSeparator
from deepsound.train.run_folder import sole_run
from deepsound.train.sample_sources import sound_sources
from deepsound.train.separator_report import held_out_scores, write_report
from deepsound.train.separator_tuning import RESULT, SeparatorRecipe, SeparatorTuning


@dataclass(frozen=True)
class SeparatorJob:
    """Which separator is trained on what; `start` is a file, else its own weights, or with `from_nothing` none."""

    name: str
    voices: Path
    backgrounds: Path | None
    out: Path
    recipe: SeparatorRecipe
    start: Path | None = None
    from_nothing: bool = False
    held_out: float = 0.1
    download: bool = False


def train_separator(job: SeparatorJob, progress: Progress) -> dict[str, Any]:
    """Train, or go on, export the weights and write the report; of several processes the first one reports.

    Raises InputError for an unknown separator and folders without sounds, EngineError for weights that do not fit,
    OutputError where another run is at work in the folder or the disk is full.
    """
    with sole_run(job.out):
        return _train(job, progress)


def _train(job: SeparatorJob, progress: Progress) -> dict[str, Any]:
    start = _start(job)
    if start is not None and is_same_file(start, job.out / RESULT):
        raise InputError(f"expected another folder than that of the start, got {job.out}; change --out.")
    sources = sound_sources(
        job.voices, job.backgrounds, job.out, job.held_out, job.recipe.seed, progress.at("read sounds")
    )
    for problem in sources.problems:
        progress.note(f"left out: {problem}")
    for folder in sources.not_held_out:
        progress.note(f"Of {folder} no file is held out: the report is on sounds that were trained on.")
    tuning = SeparatorTuning(job.name, start, job.recipe, sources, job.out)
    tuning.resume(progress)
    for _ in tuning.run(progress.at("train")):
        pass
    weights_id = job.name if job.name in SHIPPED else separation(job.name).weights
    file = tuning.export()
    more = {
        "separator": job.name,
        "weights_id": weights_id,
        "file": str(file),
        "steps": tuning.step,
        "recipe": asdict(job.recipe),
        "left_out": [str(problem) for problem in sources.problems],
        "not_held_out": [str(folder) for folder in sources.not_held_out],
    }
    if not tuning.accelerator.is_main_process:
        return more
    before = None
    if start is not None:
        before = held_out_scores(
            job.name, {weights_id: start}, sources.held_out, job.recipe.seed, progress.at("score before")
        )
    after = held_out_scores(job.name, {weights_id: file}, sources.held_out, job.recipe.seed, progress.at("score after"))
    return write_report(job.out, before, after, more)


def _start(job: SeparatorJob) -> Path | None:
    try:
        known = separation(job.name)
    except KeyError:
        raise InputError(
            f"expected a RoFormer separator such as bs_roformer_tiny or bs_roformer, got {job.name!r}; choose one."
        ) from None
    if job.from_nothing:
        return None
    if job.start is not None:
        return job.start
    shipped = shipped_file(job.name)
    if shipped is not None:
        return shipped
    separator = RoformerSeparator(known.name)
    return separator.locate(replace(Execution(), download=job.download), Progress())
