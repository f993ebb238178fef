"""Data set files: JSON lines, one row per item, and VideoLLaMA2's JSON list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deepsound.errors import InputError, OutputError
from deepsound.media.files import atomic_write
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.train.cot_items import SPLITS, CotItem

LINES = "data.jsonl"
_SUFFIXES = (".jsonl", ".json")


def data_file(path: Path) -> Path:
    """The file of a data set: the path itself, or data.jsonl in a folder. Raises InputError where there is none."""
    file = path / LINES if is_dir(path) else path
    if not is_file(file):
        raise InputError(
            f"expected a data set (a .jsonl or .json file, or a folder with {LINES}), got {escaped(path)}; make one "
            "with `deepsound train data CLIPS --out DIR`."
        )
    return file


def read_items(path: Path) -> list[CotItem]:
    """The items of a file of either form. Raises InputError, naming the line or item, for one that is damaged."""
    file = data_file(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{escaped(file)} cannot be read ({error}); expected JSON in UTF-8. Check the file."
        ) from error
    rows = _rows_of_list(text, file) if text.lstrip().startswith("[") else _rows_of_lines(text, file)
    items = []
    for place, row in rows:
        try:
            items.append(CotItem.from_json(row))
        except InputError as error:
            raise InputError(f"{escaped(file)}, {place}: {error}") from error
    seen: dict[str, str] = {}
    for (place, _), item in zip(rows, items, strict=True):
        if item.id in seen:
            raise InputError(
                f"{escaped(file)}, {place}: expected an id of its own, got {item.id!r}, which {seen[item.id]} has too; "
                "rename one of them."
            )
        seen[item.id] = place
    return items


def write_items(items: Sequence[CotItem], folder: Path) -> list[Path]:
    """Write data.jsonl, and per split that has items VideoLLaMA2's own JSON; each takes the old one's place whole."""
    written = [_write(folder / LINES, (json.dumps(item.to_json(), ensure_ascii=False) + "\n" for item in items))]
    for split in SPLITS:
        rows = [item.conversation() for item in items if item.split == split]
        if rows:
            text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
            written.append(_write(folder / f"{split}.json", [text]))
    return written


def _write(path: Path, pieces: Iterable[str]) -> Path:
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8") as file:
        try:
            file.writelines(pieces)
        except UnicodeEncodeError as error:
            raise OutputError(f"{escaped(path)} cannot be written ({error}); rename the clip it is about.") from error
    return path


def _rows_of_list(text: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{escaped(file)}: expected a list of items in JSON, got a file that ends or breaks off ({error}); restore "
            "it, or make it again."
        ) from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"{escaped(file)}, item {number}: expected an object, got {str(row)[:60]!r}; correct it.")
    return [(f"item {number}", row) for number, row in enumerate(rows, 1)]


def _rows_of_lines(text: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    rows = []
    # Not splitlines: JSON holds U+2028 and U+0085, which that takes for ends of lines, as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{escaped(file)}, line {number}: expected an item in JSON, got a line that breaks off or is damaged "
                f"({error}); correct or remove the line."
            ) from error
        if not isinstance(row, dict):
            raise InputError(f"{escaped(file)}, line {number}: expected an object, got {line[:60]!r}; correct it.")
        rows.append((f"line {number}", row))
    return rows
