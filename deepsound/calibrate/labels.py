"""Labelled clips: a folder of folders named by category, or a folder with a labels.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import InputError
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.types import Verdict

# Figure 4's categories of the paper, and a plain no where nobody says which.
CATEGORIES = ("Yes", "No1", "No2", "No3", "No")
TABLE = "labels.csv"
_VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}


@dataclass(frozen=True)
class LabelledClip:
    """A video and the category it is known to be of."""

    path: Path
    category: str

    @property
    def verdict(self) -> Verdict:
        return Verdict.YES if self.category == "Yes" else Verdict.NO


def labelled_clips(folder: Path) -> tuple[LabelledClip, ...]:
    """The clips of a folder by their names: those in its `labels.csv` (video, label), else those in Yes/, No1/, ...

    Raises InputError for a folder without labels, a label that is no category, and a video that is not there.
    """
    if not is_dir(folder):
        raise InputError(f"expected a folder of labelled clips, got {escaped(folder)}; there is no such folder.")
    table = folder / TABLE
    found = _of_table(table) if is_file(table) else _of_folders(folder)
    if not found:
        raise InputError(
            f"expected labelled clips in {escaped(folder)}, got none; put them into folders named "
            f"{', '.join(CATEGORIES)}, or add {TABLE} with the columns video and label."
        )
    return tuple(found)


def _of_table(table: Path) -> list[LabelledClip]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{escaped(table)} cannot be read as a table: {error}. Save it as CSV in UTF-8.") from error
    if rows and not {"video", "label"} <= rows[0].keys():
        raise InputError(f"{escaped(table)}: expected the columns video and label, got {', '.join(map(str, rows[0]))}.")
    clips = [LabelledClip(table.parent / (row["video"] or ""), _category(row["label"] or "", table)) for row in rows]
    for clip in clips:
        if not is_file(clip.path):
            raise InputError(f"{escaped(table)} names {escaped(clip.path)}, which is not there; correct the table.")
    return clips


def _of_folders(folder: Path) -> list[LabelledClip]:
    return [
        LabelledClip(path, category)
        for category in CATEGORIES
        for below in sorted(folder.iterdir())
        if below.name.lower() == category.lower() and is_dir(below)
        for path in sorted(below.iterdir())
        if path.suffix.lower() in _VIDEOS and is_file(path)
    ]


def _category(label: str, table: Path) -> str:
    found = next((category for category in CATEGORIES if category.lower() == label.strip().lower()), None)
    if found is None:
        raise InputError(f"{escaped(table)}: expected a label of {', '.join(CATEGORIES)}, got {label!r}; correct it.")
    return found
