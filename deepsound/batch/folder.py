"""A folder's videos, folders within it included, in the order of their names."""

from __future__ import annotations

import contextlib
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePath
from typing import NamedTuple

from deepsound.batch.clips import VIDEO_SUFFIXES, Job, Skipped, disambiguate, stem_key
from deepsound.runtime.paths import is_dir_entry

# Names kept at once: a folder of 200,000 is read thirteen times over its whole batch, two megabytes of names each.
NAMES_AT_ONCE = 16384


class _Name(NamedTuple):
    """A name in a folder, ordered so that names with one stem stand together."""

    key: str
    name: str
    is_folder: bool


@dataclass(frozen=True)
class Folder:
    """The videos below `path`, by suffix; hidden names, linked folders and `output_dir` are left out."""

    path: Path
    output_dir: Path

    def entries(self) -> Iterator[Job | Skipped]:
        index = 0
        for entry in self._below(PurePath()):
            if isinstance(entry, Job):
                entry = replace(entry, index=index)
                index += 1
            yield entry

    def count(self) -> int:
        waiting, count = [self.path], 0
        while waiting:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as found:
                for entry in found:
                    if entry.name.startswith("."):
                        continue
                    if not is_dir_entry(entry):
                        count += _is_video(entry.name)
                    elif not self._is_output(Path(entry.path)):
                        waiting.append(Path(entry.path))
        return count

    def _is_output(self, folder: Path) -> bool:
        return folder.resolve() == self.output_dir.resolve()

    def _below(self, within: PurePath) -> Iterator[Job | Skipped]:
        try:
            for _, alike in groupby(_in_order(self.path / within), key=lambda name: name.key):
                yield from self._of_one_stem(within, list(alike))
        except OSError as error:
            yield Skipped(f"{within.as_posix()}/", f"the folder cannot be read: {error.strerror}")

    def _of_one_stem(self, within: PurePath, alike: list[_Name]) -> Iterator[Job | Skipped]:
        videos = [name for name in alike if not name.is_folder and _is_video(name.name)]
        for name in alike:
            inner = within / name.name
            if name.is_folder:
                if not self._is_output(self.path / inner):
                    yield from self._below(inner)
            elif _is_video(name.name):
                job = Job(0, inner.as_posix(), self.path / inner, within)
                yield disambiguate(job, len(videos) > 1, job.label)
            else:
                yield Skipped(inner.as_posix(), "not a video, by its suffix", is_loss=False)


def _in_order(folder: Path) -> Iterator[_Name]:
    last: _Name | None = None
    while True:
        with os.scandir(folder) as found:
            names = (
                _Name(stem_key(_stem(entry.name)), entry.name, is_dir_entry(entry))
                for entry in found
                if not entry.name.startswith(".")
            )
            later = heapq.nsmallest(NAMES_AT_ONCE, (name for name in names if last is None or name > last))
        yield from later
        if len(later) < NAMES_AT_ONCE:
            return
        last = later[-1]


def _is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def _stem(name: str) -> str:
    # Path(name).stem at a tenth of its cost, which counts for a name that is read again in every round.
    return name.rpartition(".")[0] or name
