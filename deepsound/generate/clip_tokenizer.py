"""Locates CLIP's byte-pair merges, which this package does not include, and reads them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from deepsound.errors import EngineError
from deepsound.models.clip.tokenizer import END, MERGES, START, ClipTokenizer, fix_text
from deepsound.runtime.paths import is_file

OPEN_CLIP_TABLE = "bpe_simple_vocab_16e6.txt.gz"


def installed_table() -> Path | None:
    """The table inside an installed open_clip, which is not imported for it; None where there is none."""
    found = find_spec("open_clip")
    for folder in (found and found.submodule_search_locations) or ():
        if is_file(table := Path(folder) / OPEN_CLIP_TABLE, EngineError):
            return table
    return None


@cache
def tokenizer(table: Path | None = None, marks: tuple[str, str] = (START, END)) -> ClipTokenizer:
    """The published CLIP's tokenizer, its merges read from `table`, else from an installed open_clip.

    `table` is open_clip's gzipped list or the `merges.txt` that comes with CLIP models of 49408 tokens. Texts are
    repaired by ftfy where it is installed, as in training. Raises EngineError when there is no table, or no whole one.
    """
    table = table or installed_table()
    if table is None:
        raise EngineError(
            "Prompts are read with CLIP's byte-pair table, and no table was found: install "
            "open_clip_torch, or give the path of a CLIP model's merges.txt."
        )
    return ClipTokenizer(read_merges(table), repair=_repair(), marks=marks)


def read_merges(table: Path) -> list[tuple[str, str]]:
    """The ranked pairs of a table whose first line is its title; longer tables are cut where CLIP's vocabulary ends."""
    try:
        data = table.read_bytes()
        lines = (gzip.decompress(data) if table.suffix == ".gz" else data).decode().split("\n")[1 : MERGES + 1]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise EngineError(f"{table} cannot be read as a byte-pair table ({error}); get the file again.") from error
    pairs = [(left, right) for left, _, right in (line.strip().partition(" ") for line in lines) if left and right]
    if len(pairs) < MERGES:
        raise EngineError(f"{table} holds {len(pairs)} byte pairs where CLIP needs {MERGES}; get the file again.")
    return pairs


def _repair() -> Callable[[str], str]:
    try:
        import ftfy
    except ImportError:
        return fix_text
    repair: Callable[[str], str] = ftfy.fix_text
    return repair
