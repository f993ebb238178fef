"""Clips from the rows of a CSV or TSV file: a video and its overrides."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepsound.batch.clips import Job, Skipped, disambiguate, stem_key
from deepsound.batch.table_rows import Rows
from deepsound.errors import InputError
from deepsound.runtime.paths import escaped, expand
from deepsound.runtime.seeds import EXPECTED, is_seed


def _whole(cell: str) -> int:
    """A whole number, also as pandas writes one in a column with empty cells: `7.0`. Raises ValueError for others."""
    digits, point, zeros = cell.partition(".")
    return int(digits if point and zeros and not zeros.strip("0") else cell)


# Columns beside `video`: the argument of Pipeline.run each stands for, and how it is read.
_COLUMNS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "prompt": ("prompt", str),
    "negative": ("negative_prompt", str),
    "negative_prompt": ("negative_prompt", str),
    "seed": ("seed", _whole),
    "start": ("start_s", float),
    "duration": ("duration_s", float),
    "steps": ("steps", _whole),
    "cfg": ("guidance", float),
    "window": ("window_s", float),
    "mode": ("mode", str),
    "voice_decision": ("voice_decision", str),
    "removal_db": ("removal_db", float),
    "fallback": ("fallback", str),
}

_MAX_LABEL = 200


@dataclass(frozen=True)
class Table:
    """The rows of `path`; a `video` that is no absolute path is meant from the table's own folder.

    An empty cell leaves the batch's own setting. Raises InputError when the table has no `video` column, a column
    that means nothing, or cannot be read at all.
    """

    path: Path

    def __post_init__(self) -> None:
        with Rows(self.path) as rows:
            try:
                self._columns(rows)
            except csv.Error as error:
                raise InputError(f"{self.path} cannot be read as a table: {error}. Save it as CSV in UTF-8.") from error

    def entries(self) -> Iterator[Job | Skipped]:
        shared = self._shared_stems()
        index = 0
        for entry in self._jobs():
            if isinstance(entry, Job):
                identity = json.dumps([entry.video.as_posix(), dict(entry.overrides)], sort_keys=True)
                entry = disambiguate(replace(entry, index=index), _stem_number(entry.video) in shared, identity)
                index += 1
            yield entry

    def count(self) -> int:
        return sum(isinstance(entry, Job) for entry in self._jobs())

    def _jobs(self) -> Iterator[Job | Skipped]:
        with Rows(self.path) as rows:
            columns = self._columns(rows)
            while True:
                try:
                    cells = next(rows, None)
                    if cells is None:
                        return
                    if any(cell.strip() for cell in cells):
                        yield self._job(rows.line_number, columns, cells)
                except (ValueError, csv.Error) as error:
                    yield Skipped(f"line {rows.line_number}", f"the row cannot be used: {error}")

    def _job(self, line: int, columns: list[str], cells: list[str]) -> Job:
        if len(cells) > len(columns):
            raise ValueError(f"{len(cells)} cells under {len(columns)} columns")
        row = {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if cell.strip()}
        video = row.pop("video", "")
        if not Path(video).stem or "\0" in video:
            raise ValueError("it names no video")
        try:
            path = self.path.parent / expand(video)
        except InputError as error:
            raise ValueError(str(error)) from None
        return Job(0, f"line {line}: {video[:_MAX_LABEL]}", path, overrides=dict(_overrides(row)))

    def _shared_stems(self) -> frozenset[int]:
        """Numbers of the stems that several rows have; eight bytes a row, so that a million rows are no burden."""
        import numpy as np

        numbers = array("Q", (_stem_number(job.video) for job in self._jobs() if isinstance(job, Job)))
        values, counts = np.unique(
            np.frombuffer(numbers, dtype=np.uint64) if numbers else np.empty(0, np.uint64), return_counts=True
        )
        return frozenset(int(value) for value in values[counts > 1])

    def _columns(self, rows: Rows) -> list[str]:
        columns = [cell.strip().lower() for cell in next(rows, None) or []]
        known = ["video", *_COLUMNS]
        if "video" not in columns:
            raise InputError(
                f"{self.path} has no column named video; its columns: {escaped(', '.join(columns)[:200]) or 'none'}. "
                "Name the columns in the first line, as in: video,prompt"
            )
        meant = [_COLUMNS[column][0] if column in _COLUMNS else column for column in columns]
        for column, meaning in zip(columns, meant, strict=True):
            if column not in known:
                raise InputError(
                    f"{self.path} has a column {column[:80]!r}, which is unknown (a typo?); the columns are: "
                    f"{', '.join(known)}."
                )
            if meant.count(meaning) > 1:
                raise InputError(f"{self.path} has two columns for {meaning}; leave one.")
        return columns


def _overrides(row: dict[str, str]) -> Iterator[tuple[str, Any]]:
    for column, cell in row.items():
        name, read = _COLUMNS[column]
        if not _is_text(cell):
            raise ValueError(f"the {column} is not UTF-8 text; save the table as UTF-8 (in Excel: CSV UTF-8)")
        try:
            value = read(cell)
        except ValueError:
            kind = "whole number" if read is _whole else "number"
            raise ValueError(f"{column} is {cell!r}, not a {kind}") from None
        if name == "seed" and not is_seed(value):
            raise ValueError(f"expected {EXPECTED}, got {value}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{column} is {cell!r}, not a number to work with")
        yield name, value


def _stem_number(video: Path) -> int:
    key = stem_key(video.stem).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def _is_text(cell: str) -> bool:
    """False for bytes that were not in the table's encoding: they would be lost, or come out as other letters."""
    return not any(letter == "\ufffd" or "\ud800" <= letter <= "\udfff" for letter in cell)
