"""Reproduction over many clips: resumable, sharded, a bad clip is not fatal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepsound.batch.clips import Job, Shard, Skipped
from deepsound.batch.sources import open_source, require_clips
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.reproduce.clip_run import ClipEngines, is_done, run_clip
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.progress import Progress


@dataclass
class ReproductionTally:
    """What became of the clips: made now, found done, and failed with the reason."""

    made: int = 0
    found: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        return self.made + self.found


def run_clips(
    clips: Path,
    folder: Path,
    settings: ReproductionSettings,
    shard: Shard | None = None,
    progress: Progress = Progress(),
) -> ReproductionTally:
    """Make the systems' sounds of every clip of a folder or table below `folder`; what is done is left as it is.

    Raises InputError where there are no clips or two have one name, EngineError for an engine that cannot be made.
    """
    source = open_source(clips, folder)
    require_clips(source)
    _require_distinct(source.entries())
    own, tally = ClipEngines.of(settings), ReproductionTally()
    mine = [entry for entry in (shard or Shard()).of(source) if not isinstance(entry, Skipped)]
    fingerprint = settings.fingerprint()
    for index, job in enumerate(mine):
        progress.check()
        part = progress.part(index / len(mine), (index + 1) / len(mine))
        if is_done(folder, job.video.stem, fingerprint):
            tally.found += 1
            continue
        try:
            run_clip(job.video, folder, settings, own, part)
        except Cancelled:
            raise
        except DeepSoundError as error:
            tally.failed[job.video.stem] = str(error)
        else:
            tally.made += 1
        part.update(1.0)
    return tally


def records_of(folder: Path, fingerprint: str) -> dict[str, dict[str, Any]]:
    """The finished clips' records by name, of these settings alone."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "clips").glob("*.json")):
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
