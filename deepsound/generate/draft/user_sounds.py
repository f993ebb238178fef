"""A user's own sound library: WAV and FLAC files by folder name, or by a table of tags."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import InputError
from deepsound.generate.draft.recordings import Recording, Role
from deepsound.generate.draft.vocabulary import split_words
from deepsound.runtime.paths import expand, is_dir, is_file
from deepsound.runtime.progress import Progress

TABLE = "sounds.csv"
_SUFFIXES = (".wav", ".flac")
_ROLES = ("bed", "event", "hit")
MOST_TAKES = 16
_MOST_FILES = 500_000


@dataclass(frozen=True)
class DraftSettings:
    """Settings of the generator `draft`: `sounds`, a folder of recordings of one's own (empty: none)."""

    sounds: str = ""


def require_sounds_folder(folder: str) -> Path:
    """The path of a folder of sounds. Raises InputError where there is none of that name."""
    root = expand(folder)
    if not is_dir(root):
        raise InputError(f"The folder of sounds {root} is no folder; name one with WAV or FLAC files in it.")
    return root


def user_library(folder: str, progress: Progress = Progress()) -> Mapping[str, Recording]:
    """The recordings of a folder by tag, with at most 16 takes of each; empty for no folder.

    A tag is each word of the name of a folder (in the named one: of the file) or of the table's column `tags`. Raises
    InputError for a folder that is none or has no WAV or FLAC, and for a table that cannot be read.
    """
    if not folder:
        return {}
    root = require_sounds_folder(folder)
    takes: dict[str, list[Path]] = {}
    roles: dict[str, Role | None] = {}
    table = root / TABLE
    for path, tags, role in _table_rows(table) if is_file(table) else _folder_rows(root, progress):
        for tag in tags:
            if len(own := takes.setdefault(tag, [])) < MOST_TAKES:
                own.append(path)
            roles[tag] = roles.get(tag) or role
    if not takes:
        raise InputError(f"The folder of sounds {root} has no WAV or FLAC files; name one that has.")
    return {tag: Recording(tag, roles[tag], tuple(paths)) for tag, paths in takes.items()}


def _folder_rows(root: Path, progress: Progress) -> Iterator[tuple[Path, list[str], Role | None]]:
    """Files in order of their names, tagged by the folder they lie in."""
    count = 0
    for folder, folders, files in os.walk(root):
        progress.check()
        folders.sort()
        for name in sorted(files):
            if not name.lower().endswith(_SUFFIXES) or name.startswith("."):
                continue
            count += 1
            if count > _MOST_FILES:
                raise InputError(f"{root} has more than {_MOST_FILES} sounds; name a folder with fewer.")
            path = Path(folder, name)
            yield path, split_words(path.stem if Path(folder) == root else Path(folder).name), None


def _table_rows(table: Path) -> Iterator[tuple[Path, list[str], Role | None]]:
    """The table's rows; a file must lie in the table's folder."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file", "tags"} <= set(rows.fieldnames or ()):
                raise InputError(f"{table}: expected the columns file and tags, got {rows.fieldnames}; name them so.")
            for row in rows:
                path = (table.parent / (row["file"] or "")).resolve()
                role = (row.get("role") or "").strip().lower()
                if role not in ("", *_ROLES):
                    raise InputError(f"{table}: expected the role bed, event or hit, got {role!r}; correct it.")
                if not path.is_relative_to(table.parent.resolve()):
                    raise InputError(f"{table}: {row['file']!r} lies outside the table's folder; move it there.")
                yield path, split_words(row["tags"] or ""), role or None  # type: ignore[misc]
    except (OSError, ValueError, RuntimeError, csv.Error) as error:
        raise InputError(f"{table} cannot be read as a table of sounds: {error}; save it as CSV in UTF-8.") from error
