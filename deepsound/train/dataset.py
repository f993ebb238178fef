"""Builds a chain-of-thought data set in a folder from clips and a way to label them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepsound.media.files import atomic_write
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.train.cot_files import LINES, read_items, write_items
from deepsound.train.cot_items import CotItem
from deepsound.train.data_report import data_report, readme
from deepsound.train.label_journal import LabelJournal
from deepsound.train.labelling import MEDIA, Labeller, label_clips
from deepsound.train.run_folder import sole_run, sole_writer
from deepsound.train.splits import split_sources

JOURNAL = "unfinished.jsonl"


def build_dataset(
    clips: Sequence[Path], labeller: Labeller, out: Path, shares: tuple[float, float, float], progress: Progress
) -> dict[str, Any]:
    """Label `clips` into the data set in `out` and return its report.

    Items that are there already keep their label, their review and their split; only new sources are split anew. A run
    that was stopped goes on behind its last clip. Raises OutputError where another run labels into `out`.
    """
    with sole_run(out):
        known = _known(out)
        journal = LabelJournal(out / JOURNAL)
        unfinished = _new(journal.read(), known)
        if unfinished:
            progress.note("goes on where a run was stopped: the clips that it labelled stay as they are")
        media = (out / MEDIA).resolve()
        own = [clip for clip in clips if media not in clip.resolve().parents]
        data = label_clips(own, labeller, out, [*known, *unfinished], progress, journal.append)
        with sole_writer(out):
            # Read again: it may have been reviewed meanwhile.
            known = _known(out)
            items = [*known, *_new(data.items, known)]
            data.items = assign_splits(items, {item.source: item.split for item in known}, shares)
            write_items(data.items, out)
        journal.remove()
        report = data_report(data)
        for name, content in (("report.json", json_bytes(report)), ("README.md", readme(report).encode())):
            with atomic_write(out / name) as partial:
                partial.write_bytes(content)
    return report


def _known(out: Path) -> list[CotItem]:
    return read_items(out) if is_file(out / LINES) else []


def _new(items: Sequence[CotItem], known: Sequence[CotItem]) -> list[CotItem]:
    ids = {item.id for item in known}
    return [item for item in items if item.id not in ids]


def assign_splits(items: Sequence[CotItem], fixed: dict[str, str], shares: tuple[float, float, float]) -> list[CotItem]:
    """The items with the split of their source; sources in `fixed` stay where they are."""
    new = {item.source: item.category for item in items if item.source not in fixed}
    splits = split_sources(new, shares) | fixed
    return [replace(item, split=splits[item.source]) for item in items]
