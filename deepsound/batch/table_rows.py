"""CSV and TSV reader: detects encoding and delimiter, bounds the length of lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from deepsound.errors import InputError
from deepsound.runtime.paths import escaped, is_file

# Characters; the longest cell that Python's reader takes is an eighth of it.
_MAX_LINE = 1 << 20
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Rows:
    """The cells of a table's lines, line by line, with the number of the line last read; a context that closes it.

    UTF-8, or UTF-16 with its byte order mark; other bytes become lone surrogates. A `.csv` file whose header is
    separated by semicolons is read so, as spreadsheets of many countries write it. Raises InputError for what cannot be
    read, csv.Error for a line that is no row, and for the lines that a quotation mark left open would swallow.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not is_file(path):
            raise InputError(f"{escaped(path)} is not a regular file; name a .csv or .tsv file.")
        try:
            self._file = _open(path)
            delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(self._file)
        except (OSError, UnicodeError) as error:
            raise self._unreadable(error) from error
        self._lines = _Lines(self._file)
        self._reader = csv.reader(self._lines, delimiter=delimiter)

    @property
    def line_number(self) -> int:
        return self._reader.line_num

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *what: object) -> None:
        self._file.close()

    def __iter__(self) -> Rows:
        return self

    def __next__(self) -> list[str]:
        first = self.line_number + 1
        self._lines.of_row.clear()
        try:
            cells = next(self._reader)
            if self.line_number > first:
                # Python's reader takes an open quotation mark for one cell up to the next mark, or the file's end.
                list(csv.reader(self._lines.of_row, self._reader.dialect, strict=True))
        except OSError as error:
            raise self._unreadable(error) from error
        except csv.Error as error:
            if self.line_number > first:
                raise csv.Error(
                    f"a quotation mark in lines {first} to {self.line_number} is not closed, so that none of them can "
                    "be read; correct it (a quotation mark inside a quoted cell is written twice)"
                ) from error
            raise
        return cells

    def _unreadable(self, error: Exception) -> InputError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return InputError(f"{escaped(self._path)} cannot be read: {reason}. Check the path and its permissions.")


class _Lines:
    """The lines of a file; what is left of one that is too long is skipped. Raises csv.Error for such a line.

    `of_row` keeps those that were read since it was emptied.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.of_row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(_MAX_LINE)
        if not line:
            raise StopIteration
        if len(line) == _MAX_LINE and not line.endswith(("\n", "\r")):
            while (rest := self._file.readline(_MAX_LINE)) and not rest.endswith(("\n", "\r")):
                pass
            raise csv.Error(f"the line has more than {_MAX_LINE} characters")
        self.of_row.append(line)
        return line


def _open(path: Path) -> TextIO:
    with path.open("rb") as file:
        is_utf16 = file.read(2) in _BYTE_ORDER_MARKS
    if is_utf16:
        return path.open(encoding="utf-16", errors="replace", newline="")
    # A file's name may be bytes that are no UTF-8; in any other cell they are refused.
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def _delimiter(file: TextIO) -> str:
    header = file.readline(_MAX_LINE)
    file.seek(0)
    names = [name.strip(' "\r\n').lower() for name in header.split(";")]
    return ";" if "," not in header and "video" in names and len(names) > 1 else ","
