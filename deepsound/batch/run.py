"""Runs a batch: finished clips are skipped, failed ones are retried once at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deepsound.batch.clips import Job, Shard, Skipped, Source
from deepsound.batch.records import DamagedRecord, is_done, record_path
from deepsound.batch.settings import BatchSettings
from deepsound.batch.sources import require_clips
from deepsound.batch.worker import ClipReport, Done, Worker, fingerprint_of, nothing
from deepsound.errors import DeepSoundError, EngineError, OutputError
from deepsound.media.files import require_writable
from deepsound.outputs.leftovers import clear_leftovers
from deepsound.runtime.progress import Progress, ProgressEvent

# So many clips at the very start, failed by an engine in one and the same way, say that the rest would be too.
_ENGINE_FAULTS_ALLOWED = 5
# Reasons kept for clips whose record could not be written; on a full disk these are all of them.
_REASONS_KEPT = 1000


class Workers(Protocol):
    """Workers of a batch: `work` takes a job only when a worker is free, and yields reports as they come."""

    replaced: int

    def work(self, jobs: Iterator[Job], progress: Progress) -> Iterator[ClipReport]:
        """Process every job. Raises Cancelled within a second of the request."""
        ...


class InProcess:
    """One worker, here: a process that works off a shard alone; `done` is called as Worker calls it."""

    replaced = 0

    def __init__(self, settings: BatchSettings, output_dir: Path, done: Done = nothing) -> None:
        self._worker = Worker(settings, output_dir, done)

    def work(self, jobs: Iterator[Job], progress: Progress) -> Iterator[ClipReport]:
        for job in jobs:
            progress.on_event(ProgressEvent("clip", 0.0, job.label))
            yield self._worker.do(job, progress)


@dataclass
class Tally:
    """How far a batch is, in clips: `total` of this shard, what became of those seen, and the reasons of failures."""

    total: int = 0
    done: int = 0
    already: int = 0
    failed: int = 0
    refused: int = 0
    began_s: float = field(default_factory=time.monotonic)
    work_began_s: float | None = None
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end, from the clips that were worked on so far; None before the first."""
        worked = self.done + self.failed
        if not worked or self.work_began_s is None:
            return None
        return (time.monotonic() - self.work_began_s) / worked * max(self.total - worked - self.already, 0)

    def note(self, report: ClipReport, again: bool) -> None:
        """Count a report; `again`: of a clip that was counted as failed."""
        if report.status == "failed":
            self.failed += not again
            if len(self.reasons) < _REASONS_KEPT:
                self.reasons[report.job.label] = report.message
            return
        self.done += 1
        self.failed -= again
        self.reasons.pop(report.job.label, None)


class Listener:
    """No-op base for batch callbacks."""

    def on_count(self, tally: Tally) -> None:
        """The clips were counted; work begins."""

    def on_skip(self, refused: Skipped) -> None:
        """A file or row is no clip."""

    def on_begin(self, job: Job, tally: Tally) -> None:
        """The first clip that is to be done begins; those before it were done already."""

    def on_report(self, report: ClipReport, tally: Tally) -> None:
        """A clip ended, or was done before."""

    def on_damaged_record(self, job: Job, why: str) -> None:
        """A clip's record is not right, so the clip is done again."""

    def on_retry(self, count: int) -> None:
        """The first round is over; `count` clips that failed are tried again."""


@dataclass
class Batch:
    """The clips of a source's shard, done with the same settings into one folder."""

    source: Source
    output_dir: Path
    settings: BatchSettings
    workers: Workers
    shard: Shard = field(default_factory=Shard)
    listener: Listener = field(default_factory=Listener)
    tally: Tally = field(default_factory=Tally)
    _cleared: Path | None = None

    def run(self, progress: Progress = Progress()) -> Tally:
        """Do what is not done, then once more what failed.

        Raises Cancelled, InputError for a source without a clip, OutputError without a folder or on a full disk, and
        EngineError when an engine fails the first clips alike.
        """
        require_clips(self.source)
        require_writable(self.output_dir)
        self.tally.total = self.shard.count_of(self.source)
        self.listener.on_count(self.tally)
        self._round(progress, again=False)
        if self.tally.failed:
            self.listener.on_retry(self.tally.failed)
            self._round(progress, again=True)
        return self.tally

    def _round(self, progress: Progress, again: bool) -> None:
        for report in self.workers.work(self._pending(progress, again), progress):
            self.tally.note(report, again)
            self.listener.on_report(report, self.tally)
            self._abort_on_systemic_failure(report)
            if report.is_disk_full:
                raise OutputError(self._full_disk(report))

    def _full_disk(self, report: ClipReport) -> str:
        return (
            f"{report.message.rstrip('.')}. The batch ends with {self.tally.done + self.tally.already} of "
            f"{self.tally.total} clips done; with free space, the same command goes on from there."
        )

    def _abort_on_systemic_failure(self, report: ClipReport) -> None:
        tally = self.tally
        alike = report.is_engine_error and set(tally.reasons.values()) == {report.message}
        if alike and tally.failed >= _ENGINE_FAULTS_ALLOWED and not tally.done + tally.already:
            raise EngineError(
                f"The first {tally.failed} clips failed alike, so the batch ends; mend this, then run it again, and it "
                f"goes on from there: {report.message}"
            )

    def _pending(self, progress: Progress, again: bool) -> Iterator[Job]:
        for entry in self.shard.of(self.source):
            progress.check()
            if isinstance(entry, Job):
                if not again:
                    self._clear_leftovers(entry)
                if not self._should_skip(entry, again):
                    if self.tally.work_began_s is None:
                        self.listener.on_begin(entry, self.tally)
                        self.tally.work_began_s = time.monotonic()
                    yield entry
            elif not again:
                self.tally.refused += 1
                self.listener.on_skip(entry)

    def _clear_leftovers(self, job: Job) -> None:
        """Remove what a killed run left in the clip's folder; clips of one folder follow each other."""
        folder = self.output_dir / job.folder
        if folder != self._cleared:
            self._cleared = folder
            # What cannot be undone now is said by the clip that is processed there.
            with suppress(DeepSoundError):
                clear_leftovers(folder)

    def _should_skip(self, job: Job, again: bool) -> bool:
        if not self._is_done(job, again):
            return False
        if not again:
            self.tally.already += 1
            self.listener.on_report(ClipReport(job, "already"), self.tally)
        return True

    def _is_done(self, job: Job, again: bool) -> bool:
        """Whether a right record says so; what else is wrong with the clip is said when it is processed."""
        fingerprint = fingerprint_of(self.settings, job)
        try:
            return bool(fingerprint) and is_done(record_path(self.output_dir, job), fingerprint)
        except DamagedRecord as error:
            if not again:
                self.listener.on_damaged_record(job, str(error))
            return False
        except DeepSoundError:
            return False
