"""Reproduction over many clips: resumable, sharded, a bad clip is not fatal."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deepsound.batch.clips import Job, Shard, Skipped
from deepsound.batch.run import Workers
from deepsound.batch.sources import open_source, require_clips
from deepsound.batch.worker import ClipReport
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.reproduce.clip_run import RECORDS, ClipEngines, is_done, run_clip
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.progress import Progress
from deepsound.weights.search_paths import registered_folders


@dataclass
class ReproductionTally:
    """What became of the clips: made now, found done, and failed with the reason."""

    made: int = 0
    found: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, report: ClipReport) -> None:
        """Count what became of a clip."""
        if report.status == "failed":
            self.failed[report.job.video.stem] = report.message
        elif report.status == "already":
            self.found += 1
        else:
            self.made += 1

    @property
    def done(self) -> int:
        return self.made + self.found


@dataclass(frozen=True)
class ClipWork:
    """What a worker needs to make the systems' sounds of clips, on this machine or on Ray."""

    settings: ReproductionSettings
    model_folders: tuple[Path, ...] = ()

    def check(self) -> None:
        """Raise EngineError for an engine that cannot be made."""
        ClipEngines.of(self.settings)

    def worker(self, output_dir: Path) -> ReproductionWorker:
        """A worker that leaves everything below `output_dir`."""
        from deepsound.weights.search_paths import register_model_folders

        if self.model_folders:
            register_model_folders(self.model_folders)
        return ReproductionWorker(self.settings, output_dir)


class ReproductionWorker:
    """Makes one clip's systems after another with one set of engines."""

    def __init__(self, settings: ReproductionSettings, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._engines, self._fingerprint = ClipEngines.of(settings), settings.fingerprint()

    def do(self, job: Job, progress: Progress = Progress()) -> ClipReport:
        """Make a clip's sounds unless they are there; an error becomes its report. Raises Cancelled alone."""
        if is_done(self._folder, job.video.stem, self._fingerprint):
            return ClipReport(job, "already")
        try:
            run_clip(job.video, self._folder, self._settings, self._engines, progress)
        except Cancelled:
            raise
        except DeepSoundError as error:
            return ClipReport(job, "failed", message=str(error))
        return ClipReport(job, "done")


class MakeWorkers(Protocol):
    """Makes the workers of a reproduction for its output folder, such as those on Ray."""

    def __call__(self, work: ClipWork, folder: Path) -> AbstractContextManager[Workers]: ...


def run_clips(
    clips: Path,
    folder: Path,
    settings: ReproductionSettings,
    shard: Shard | None = None,
    progress: Progress = Progress(),
    workers: MakeWorkers | None = None,
) -> ReproductionTally:
    """Make the systems' sounds of every clip of a folder or table below `folder`; what is done is left as it is.

    `workers` work elsewhere (None: in this process). Raises InputError where there are no clips or two have one name,
    EngineError for an engine that cannot be made.
    """
    source = open_source(clips, folder)
    require_clips(source)
    _require_distinct(source.entries())
    mine = [entry for entry in (shard or Shard()).of(source) if not isinstance(entry, Skipped)]
    tally, work = ReproductionTally(), ClipWork(settings, registered_folders())
    if workers is None:
        own = work.worker(folder)
        for index, job in enumerate(mine):
            progress.check()
            part = progress.part(index / len(mine), (index + 1) / len(mine))
            tally.add(own.do(job, part))
            part.update(1.0)
        return tally
    with workers(work, folder) as elsewhere:
        for index, report in enumerate(elsewhere.work(iter(mine), progress), 1):
            tally.add(report)
            progress.update(index / len(mine))
    return tally


def videos_of(clips: Path, folder: Path) -> dict[str, Path]:
    """The videos in a folder or table by their names; results go below `folder`."""
    return {job.video.stem: job.video for job in open_source(clips, folder).entries() if isinstance(job, Job)}


def records_of(folder: Path, fingerprint: str, names: Container[str] | None = None) -> dict[str, dict[str, Any]]:
    """The finished clips' records by name, of these settings alone, and of the clips `names` alone (None: of all)."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / RECORDS).glob("*.json")):
        if names is not None and path.stem not in names:
            continue
        record = read_json_object(path, "a clip's record")
        if record.get("fingerprint") == fingerprint:
            found[path.stem] = record
    return found


def _require_distinct(entries: Iterator[Job | Skipped]) -> None:
    seen: dict[str, Path] = {}
    for job in entries:
        if isinstance(job, Skipped):
            continue
        if job.video.stem in seen:
            raise InputError(
                f"{seen[job.video.stem]} and {job.video} have one name, which pairs clips with their reference; "
                "rename one of them."
            )
        seen[job.video.stem] = job.video
