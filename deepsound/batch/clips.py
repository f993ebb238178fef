"""Jobs of a batch: one clip with its settings, and the sources and shards they come from.

Sources are read lazily and always in the same order. Memory stays flat however many clips there are: a folder is read
in rounds that keep only the next names in order, of a table only a hash of each name is kept, to find duplicates.
"""

from __future__ import annotations

import hashlib
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any, Protocol

from deepsound.errors import InputError

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
_RUN_FILE_STEMS = (".step1", ".step3", ".neg")


@dataclass(frozen=True)
class Job:
    """One clip to process: its label, its video, and its folder below the output folder.

    `index` counts the clips of a source from 0; `overrides` are arguments of Pipeline.run for this clip alone.
    """

    index: int
    label: str
    video: Path
    folder: PurePath = field(default_factory=PurePath)
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A file or row that is not a clip, and why; `is_loss` for a table's row or a folder that cannot be read."""

    label: str
    why: str
    is_loss: bool = True


class Source(Protocol):
    """Where clips come from: the file or folder at `path`."""

    @property
    def path(self) -> Path: ...

    def entries(self) -> Iterator[Job | Skipped]:
        """Every clip in a stable order, and what was refused; read anew at each call."""
        ...

    def count(self) -> int:
        """How many clips there are, counted without sorting them."""
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
            raise InputError(f"The shard is {text[:60]!r}; expected i/n, as in 2/4.")
        return cls(int(number), int(count))

    def of(self, source: Source) -> Iterator[Job | Skipped]:
        """This part of a source; what was refused belongs to the first part, so that it is reported once."""
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


def stem_key(stem: str) -> str:
    """Equal for stems that would name the same file on some file system: case and composed letters do not count."""
    return unicodedata.normalize("NFC", stem).casefold()


def disambiguate(job: Job, shared_stem: bool, identity: str) -> Job:
    """The job in a folder of its own, named after `identity`, when another clip could write files of the same names."""
    stem = job.video.stem
    if not shared_stem and not stem.endswith(_RUN_FILE_STEMS):
        return job
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return replace(job, folder=job.folder / f"{stem}-{digest}")


def __getattr__(name: str) -> Any:
    """`open_source` moved to deepsound.batch.sources."""
    if name == "open_source":
        warnings.warn("open_source moved to deepsound.batch.sources", DeprecationWarning, stacklevel=2)
        return import_module("deepsound.batch.sources").open_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
