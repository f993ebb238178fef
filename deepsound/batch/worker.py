"""Batch worker: clips one after another through one pipeline and one set of networks."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from deepsound.batch.clips import Job
from deepsound.batch.records import DamagedRecord, Record, check_record_name, delete_record, is_done, record_path
from deepsound.batch.settings import BatchSettings
from deepsound.errors import Cancelled, DeepSoundError, EngineError, InputError
from deepsound.runtime.paths import escaped, exists, is_dir, is_file
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from deepsound.outputs import Result

Done = Callable[["Result", Mapping[str, Any]], None]
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class ClipReport:
    """What came of a clip: done, failed with a message, or already done before.

    `is_engine_error`: the engine failed, so other clips are likely to fail too; `is_disk_full`: they certainly will.
    """

    job: Job
    status: Literal["done", "failed", "already"]
    seconds: float = 0.0
    message: str = ""
    is_engine_error: bool = False
    is_disk_full: bool = False


class ClipWorker(Protocol):
    """Works on one clip after another; any error but Cancelled becomes the clip's report."""

    def do(self, job: Job, progress: Progress = Progress()) -> ClipReport: ...


class Work(Protocol):
    """What is done with every clip, as a value that can be sent to another process."""

    def check(self) -> None: ...

    def worker(self, output_dir: Path) -> ClipWorker: ...


@dataclass(frozen=True)
class BatchWork:
    """A batch's settings as work for other processes."""

    settings: BatchSettings

    def check(self) -> None:
        """Raise EngineError or InputError for engines and options that do not exist."""
        self.settings.pipeline()

    def worker(self, output_dir: Path) -> Worker:
        """A worker that leaves everything below `output_dir`. Raises what `check` raises."""
        return Worker(self.settings, output_dir)


def nothing(result: Result, arguments: Mapping[str, Any]) -> None:
    """Do nothing with a finished result."""


class Worker:
    """A pipeline and where its results go; `done` gets each result and the arguments of Pipeline.run that made it.

    Raises what BatchSettings.pipeline raises.
    """

    def __init__(self, settings: BatchSettings, output_dir: Path, done: Done = nothing) -> None:
        self._settings, self._output_dir, self._done = settings, output_dir, done
        self._pipeline = settings.pipeline()
        self._overwrites = bool(settings.run.get("overwrite", True))

    def do(self, job: Job, progress: Progress = Progress()) -> ClipReport:
        """Process a clip unless it is done; any error becomes its report. Raises Cancelled alone."""
        path = record_path(self._output_dir, job)
        began = time.perf_counter()
        fingerprint = ""
        try:
            fingerprint = fingerprint_of(self._settings, job)
            with contextlib.suppress(DamagedRecord):
                if fingerprint and is_done(path, fingerprint):
                    return ClipReport(job, "already")
            if self._overwrites:
                delete_record(path)
            check_record_name(path)
            require_regular(job.video)
            results = self._run(job, progress)
            seconds = time.perf_counter() - began
            Record(
                job.label,
                "done",
                fingerprint,
                seconds,
                files={name: size for result in results for name, size in _files_of(result).items()},
                details=_details_of_takes(results),
            ).write(path)
            return ClipReport(job, "done", seconds)
        except Cancelled:
            raise
        except Exception as error:  # Nothing that one clip can do may end the others.
            failed = Record(job.label, "failed", fingerprint, time.perf_counter() - began, message_of(error))
            is_engine_error, is_disk_full = isinstance(error, EngineError), disk_is_full(error)
        # On a full disk not even this fits, and a name may be too long for it; the report says why the clip failed.
        with contextlib.suppress(Exception):
            if self._overwrites or Record.read(path) is None:
                failed.write(path)
        return ClipReport(job, "failed", failed.seconds, failed.message, is_engine_error, is_disk_full)

    def _run(self, job: Job, progress: Progress) -> tuple[Result, ...]:
        from deepsound.takes import run_takes

        given = self._settings.for_clip(job)
        arguments = dict(given)
        return run_takes(
            self._pipeline,
            job.video,
            self._output_dir / job.folder,
            arguments.pop("takes", 1),
            pictures=self._settings.pictures,
            progress=progress,
            done=lambda result: self._done(result, given),
            **arguments,
        )


def fingerprint_of(settings: BatchSettings, job: Job) -> str:
    """The fingerprint, or nothing for a video that is not there: the pipeline says what is wrong with it."""
    try:
        return settings.fingerprint(job)
    except (OSError, ValueError):
        return ""


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error, or one it was raised from, is the system's for a full or read-only disk or a used-up quota."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def message_of(error: Exception) -> str:
    """An error as one line: a DeepSoundError's own words, another one's kind and words."""
    words = " ".join(str(error).split())[:1000]
    return words if isinstance(error, DeepSoundError) else f"{type(error).__name__}: {words}"


def _files_of(result: Result) -> dict[str, int]:
    """Every file of a run by name with its size in bytes: sounds, videos, pictures, stems and the record."""
    return {**result.files, result.result_path.name: result.result_path.stat().st_size}


def _details_of(result: Result) -> dict[str, Any]:
    outcome = result.outcome
    level = result.loudness.get("final")
    return {
        "verdict": outcome.judgement.verdict.value,
        "category": outcome.judgement.category,
        "final_from": outcome.final_from,
        "generator": outcome.choices.generator.name,
        "reasoner": outcome.choices.reasoner.name,
        "separator": outcome.choices.separator.name,
        "final_lufs": None if level is None else level.integrated_lufs,
        "step_seconds": {step.name: step.seconds for step in outcome.steps},
        "total_s": result.total_s,
        "notes": [*outcome.notes, *(result.mux.lines() if result.mux is not None else ())],
    }


def _details_of_takes(results: Sequence[Result]) -> dict[str, Any]:
    """The details of the first take, with the verdicts of all where there are several."""
    details = _details_of(results[0])
    if len(results) == 1:
        return details
    takes = [
        {
            "seed": result.outcome.request.seed,
            "verdict": result.outcome.judgement.verdict.value,
            "final_from": result.outcome.final_from,
            "record": result.result_path.name,
        }
        for result in results
    ]
    return {**details, "takes": takes, "total_s": sum(result.total_s for result in results)}


def require_regular(video: Path) -> None:
    """Raise InputError for a pipe or device, which would be waited for without end."""
    if exists(video) and not is_file(video) and not is_dir(video):
        raise InputError(f"{escaped(video)} is a pipe or a device, not a video file; name a file.")
