"""Does one clip after another with one pipeline, so that a process holds one set of networks."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepsound.batch.clips import Job
from deepsound.batch.records import Record, delete_record, is_done, record_path
from deepsound.batch.settings import Settings
from deepsound.errors import Cancelled, DeepSoundError, EngineError, OutputError
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    from deepsound.outputs import Result


@dataclass(frozen=True)
class Report:
    """What came of a clip: done, failed with a message, or already done before.

    `is_engine_error`: it failed by an engine, in the same way as other clips may, and not by what it is.
    """

    job: Job
    status: Literal["done", "failed", "already"]
    seconds: float = 0.0
    message: str = ""
    is_engine_error: bool = False


class Worker:
    """A pipeline and where its results go. Raises what Settings.pipeline raises."""

    def __init__(self, settings: Settings, output_dir: Path) -> None:
        self._settings, self._output_dir = settings, output_dir
        self._pipeline = settings.pipeline()

    def do(self, job: Job, progress: Progress = Progress()) -> Report:
        """Do a clip that is not done yet; whatever goes wrong with it is its report. Raises Cancelled alone."""
        path = record_path(self._output_dir, job)
        began = time.perf_counter()
        fingerprint = ""
        try:
            fingerprint = fingerprint_of(self._settings, job)
            if fingerprint and is_done(path, fingerprint):
                return Report(job, "already")
            delete_record(path)
            result = self._run(job, progress)
            seconds = time.perf_counter() - began
            Record(
                job.label,
                "done",
                fingerprint,
                seconds,
                files=_files_of(result, path.parent),
                details=_details_of(result),
            ).write(path)
            return Report(job, "done", seconds)
        except Cancelled:
            raise
        except Exception as error:  # Nothing that one clip can do may end the others.
            failed = Record(job.label, "failed", fingerprint, time.perf_counter() - began, message_of(error))
            is_engine_error = isinstance(error, EngineError)
        # On a full disk not even this fits; the report still tells it.
        with contextlib.suppress(OutputError):
            failed.write(path)
        return Report(job, "failed", failed.seconds, failed.message, is_engine_error)

    def _run(self, job: Job, progress: Progress) -> Result:
        result = self._pipeline.run(
            job.video, self._output_dir / job.folder, progress=progress, **self._settings.for_clip(job)
        )
        if self._settings.pictures:
            from deepsound.pictures import draw_pictures

            draw_pictures(result, progress)
        return result


def fingerprint_of(settings: Settings, job: Job) -> str:
    """The fingerprint, or nothing for a video that is not there: the pipeline says what is wrong with it."""
    try:
        return settings.fingerprint(job)
    except (OSError, ValueError):
        return ""


def message_of(error: Exception) -> str:
    """An error as one line: a DeepSoundError's own words, another one's kind and words."""
    words = " ".join(str(error).split())[:1000]
    return words if isinstance(error, DeepSoundError) else f"{type(error).__name__}: {words}"


def _files_of(result: Result, folder: Path) -> dict[str, int]:
    files = (
        result.step1_audio_path,
        result.step3_audio_path,
        result.neg_audio_path,
        result.final_audio_path,
        result.final_video_path,
        result.result_path,
    )
    return {path.name: path.stat().st_size for path in files if path is not None}


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
    }
