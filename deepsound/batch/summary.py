"""Summary of a batch from its records: a CSV with a line per clip, and JSON totals."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deepsound import __version__
from deepsound.batch.clips import Job, Skipped
from deepsound.batch.records import Record, record_path
from deepsound.batch.run import Batch
from deepsound.batch.worker import fingerprint_of
from deepsound.errors import InputError, OutputError
from deepsound.media.files import atomic_write
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.json_schemas import versioned
from deepsound.runtime.paths import escaped

COLUMNS = (
    "clip",
    "status",
    "verdict",
    "category",
    "final_from",
    "generator",
    "reasoner",
    "separator",
    "final_lufs",
    "seconds",
    "message",
    "record",
    "notes",
)
# The apostrophe is among them so that reading back knows which one was added.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
# Failures that the JSON names; the CSV has all of them.
FAILURES_NAMED = 200


@dataclass
class Summary:
    """The sums over a shard's clips, whichever run did them; `seconds` and `done_now` are of this run alone.

    `step_seconds` are means over the clips that took the step; `unwritten` is why the files could not be written.
    """

    shard: str
    clips: int = 0
    done: int = 0
    done_now: int = 0
    failed: int = 0
    not_reached: int = 0
    refused: int = 0
    not_videos: int = 0
    seconds: float = 0.0
    clips_per_minute: float | None = None
    workers_replaced: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    final_from: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    step_seconds: dict[str, float] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    deepsound_version: str = __version__
    unwritten: str = ""

    @property
    def complete(self) -> bool:
        """Whether every clip is done; a folder's other files are no clips."""
        return not (self.failed or self.not_reached or self.refused)


def summarise(batch: Batch, check: Callable[[], None] = lambda: None) -> Summary:
    """Read the records of the batch's clips and write summary.csv and summary.json into its folder.

    A shard's files carry its number. A full disk is noted in the summary, which is returned all the same.
    """
    part = "" if batch.shard.count == 1 else f".{batch.shard.number}-of-{batch.shard.count}"
    target = batch.output_dir / f"summary{part}.csv"
    try:
        with (
            atomic_write(target) as partial,
            partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
        ):
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            summary = _collect(batch, lambda row: writer.writerow({name: _cell(row[name]) for name in row}), check)
        with atomic_write(target.with_suffix(".json")) as partial:
            partial.write_bytes(json_bytes(versioned("batch", asdict(summary))))
    except OutputError as error:
        summary = _collect(batch, lambda row: None, check)
        summary.unwritten = str(error)
    return summary


def read_rows(path: Path | str) -> list[dict[str, str]]:
    """The rows of a summary.csv as they were before cells were made safe for spreadsheets. Raises InputError."""
    try:
        with Path(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [{name: _from_cell(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    except (OSError, csv.Error, TypeError) as error:
        raise InputError(
            f"{escaped(path)} cannot be read as a batch's summary: {error}. Run the batch again."
        ) from error


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        value = escaped(value)
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value


def _from_cell(cell: str) -> str:
    return cell[1:] if cell.startswith("'") else cell


def _collect(batch: Batch, write: Callable[[dict[str, Any]], Any], check: Callable[[], None]) -> Summary:
    tally = batch.tally
    summary = Summary(
        str(batch.shard), done_now=tally.done, seconds=tally.seconds, workers_replaced=batch.workers.replaced
    )
    if tally.done and tally.seconds:
        summary.clips_per_minute = 60 * tally.done / tally.seconds
    verdicts, finals, versions = Counter[str](), Counter[str](), Counter[str]()
    steps, taken = Counter[str](), Counter[str]()
    for row, record in _rows(batch, check):
        write(row)
        _count(summary, row)
        if record is not None and record.status == "done":
            verdicts[str(record.details.get("verdict"))] += 1
            finals[str(record.details.get("final_from"))] += 1
            versions[record.deepsound_version] += 1
            for name, seconds in record.details.get("step_seconds", {}).items():
                steps[name] += seconds
                taken[name] += 1
    summary.verdicts, summary.final_from, summary.versions = dict(verdicts), dict(finals), dict(versions)
    summary.step_seconds = {name: steps[name] / taken[name] for name in steps}
    return summary


def _count(summary: Summary, row: dict[str, Any]) -> None:
    status = row["status"]
    summary.clips += status in ("done", "failed", "not reached")
    summary.done += status == "done"
    summary.failed += status == "failed"
    summary.not_reached += status == "not reached"
    summary.refused += status == "refused"
    summary.not_videos += status == "not a video"
    if status in ("failed", "refused") and len(summary.failures) < FAILURES_NAMED:
        summary.failures.append({"clip": row["clip"], "status": status, "message": row["message"]})


def _rows(batch: Batch, check: Callable[[], None]) -> Iterator[tuple[dict[str, Any], Record | None]]:
    for entry in batch.shard.of(batch.source):
        check()
        if isinstance(entry, Skipped):
            status = "refused" if entry.is_loss else "not a video"
            yield {"clip": entry.label, "status": status, "message": entry.why}, None
            continue
        record = Record.read(record_path(batch.output_dir, entry))
        if record is not None and record.fingerprint == fingerprint_of(batch.settings, entry):
            yield _row(entry, record), record
        elif entry.label in batch.tally.reasons:
            yield {"clip": entry.label, "status": "failed", "message": batch.tally.reasons[entry.label]}, None
        else:
            yield {"clip": entry.label, "status": "not reached"}, None


def _row(job: Job, record: Record) -> dict[str, Any]:
    details = {name: record.details.get(name) for name in COLUMNS if name in record.details}
    if isinstance(notes := details.get("notes"), list):
        details["notes"] = "; ".join(map(str, notes))
    path = record_path(Path(), job)
    return {
        "clip": job.label,
        "status": record.status,
        "seconds": f"{record.seconds:.3f}",
        "message": escaped(record.message),
        "record": path.as_posix(),
        **{name: escaped(value) if isinstance(value, str) else value for name, value in details.items()},
    }
