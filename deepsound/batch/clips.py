"""What a batch works on: a folder's videos or a table's rows, read lazily and always in the same order.

Memory stays flat however many there are: a folder is read in rounds that keep only the next names in order, of a table
only a number for each name is remembered, to tell which ones occur twice.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, Protocol

from deepsound.errors import InputError
from deepsound.runtime.paths import exists, expand, is_dir

VIDEO_SUFFIXES = frozenset(
    {
        ".3gp",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    }
)
# Files of a run on x.mp4 have these names; a video of such a name of its own would share a file with that run.
_NAMES_OF_OTHERS = (".step1", ".step3", ".neg")


@dataclass(frozen=True)
class Job:
    """A clip to work on: what it is called, its video, its folder below the output folder, and what it alone is told.

    `index` counts the clips of a source from 0; `told` are arguments of Pipeline.run.
    """

    index: int
    label: str
    video: Path
    folder: PurePath = field(default_factory=PurePath)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A file or row that is no clip, and why; a row of a table, or a folder that cannot be read, is a loss."""

    label: str
    why: str
    is_loss: bool = True


class Source(Protocol):
    """Where clips come from."""

    def entries(self) -> Iterator[Job | Skipped]:
        """Every clip in a stable order, and what was refused; read anew at each call."""
        ...

    def count(self) -> int:
        """How many clips there are, told without putting them in order."""
        ...


@dataclass(frozen=True)
class Shard:
    """The `number`th of `count` equal parts, counted from 1: every `count`th clip in the source's order.

    Raises InputError for a part that does not exist.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                f"There is no shard {self.number}/{self.count}; shards are counted from 1, as in 1/4 to 4/4."
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that `i/n` names."""
        number, slash, count = text.partition("/")
        if not (slash and number.strip().isdecimal() and count.strip().isdecimal()):
            raise InputError(f"The shard {text!r} is not of the form i/n, as in 2/4.")
        return cls(int(number), int(count))

    def of(self, source: Source) -> Iterator[Job | Skipped]:
        """This part of a source; what was refused belongs to the first part, so that it is told once."""
        for entry in source.entries():
            if isinstance(entry, Skipped):
                if self.number == 1:
                    yield entry
            elif entry.index % self.count == self.number - 1:
                yield entry

    def count_of(self, source: Source) -> int:
        """How many clips this part has."""
        return (source.count() - self.number + self.count) // self.count

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def open_source(path: Path | str, output_dir: Path | str) -> Source:
    """The clips of a folder, or of a .csv or .tsv file's rows; what lies in the output folder is no clip.

    Raises InputError when there is no such folder or table, or when the folder is also the output folder.
    """
    from deepsound.batch.folder import Folder
    from deepsound.batch.table import Table

    path, output_dir = expand(path).absolute(), expand(output_dir).absolute()
    if is_dir(path):
        if path.resolve() == output_dir.resolve():
            raise InputError(f"{path} would hold both the clips and the results; choose another output folder.")
        return Folder(path, output_dir)
    if not exists(path):
        raise InputError(f"There is no folder or table {path}.")
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise InputError(f"{path} is neither a folder nor a .csv or .tsv file; one video is done by `deepsound run`.")
    return Table(path)


def stem_key(stem: str) -> str:
    """Equal for stems that would name the same file on some file system: case and composed letters do not count."""
    return unicodedata.normalize("NFC", stem).casefold()


def apart(job: Job, shared_stem: bool, identity: str) -> Job:
    """The job with a folder of its own, named after `identity`, when another could write files of the same names."""
    stem = job.video.stem
    if not shared_stem and not stem.endswith(_NAMES_OF_OTHERS):
        return job
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return replace(job, folder=job.folder / f"{stem}-{digest}")
