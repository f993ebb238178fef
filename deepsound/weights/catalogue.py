"""The catalogue of published weights: typed entries of catalogue.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from deepsound.errors import InputError

Kind = Literal["file", "folder", "data"]


@dataclass(frozen=True)
class HubSource:
    """A file, or all files below `folder` that match `only`, of a hub repository at one revision."""

    repo: str
    file: str = ""
    revision: str = "main"
    folder: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class UrlSource:
    """A file on a release page."""

    url: str


Source = HubSource | UrlSource


@dataclass(frozen=True)
class PublishedFile:
    """One file: `bytes` is its exact size, `about_bytes` a rounded one; None and "" where nobody states it."""

    name: str
    sources: tuple[Source, ...] = ()
    bytes: int | None = None
    about_bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    optional: bool = False

    @property
    def size(self) -> int | None:
        """The exact size in bytes, else the rounded one."""
        return self.bytes if self.bytes is not None else self.about_bytes


@dataclass(frozen=True)
class Licence:
    """A licence; `commercial` is None where none is stated."""

    name: str
    commercial: bool | None = None
    note: str = ""

    def __str__(self) -> str:
        return self.name + {True: "", False: ", not for commercial use", None: ""}[self.commercial]


@dataclass(frozen=True)
class Weights:
    """A network's published weights.

    `kind`: a file (the first of `files`, with others beside it), a folder, or data that holds no tensors. `place` is
    the folder below a models folder where a download goes. `layouts` are the paths, below each kind of root, at which
    the same thing is kept by others; a path without a suffix stands for every suffix and precision. `holds` are the
    patterns a folder must match, alternatives parted by `|`; `beside` those of the folder that a file is the UNet of.
    `parts` are parameters by component, of those that are not all stored alike.
    """

    id: str
    what: str
    licence: Licence
    engines: tuple[str, ...]
    place: str
    layouts: Mapping[str, tuple[str, ...]]
    kind: Kind = "file"
    files: tuple[PublishedFile, ...] = ()
    editions: tuple[PublishedFile, ...] = ()
    sources: tuple[HubSource, ...] = ()
    holds: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parameters: int | None = None
    about_bytes: int | None = None
    parts: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int | None:
        """Bytes of the whole download, rounded where a part is; None if the largest part's size is not stated."""
        if self.kind == "folder":
            return self.about_bytes
        return None if self.files[0].size is None else sum(file.size or 0 for file in self.files)

    @property
    def size_is_exact(self) -> bool:
        return self.kind != "folder" and self.files[0].bytes is not None

    def published(self, name: str) -> tuple[PublishedFile, ...]:
        """What is published under a file name: the file itself and its known editions."""
        return tuple(file for file in self.files + self.editions if file.name == name)


def weights(id: str) -> Weights:
    """The entry of that id. Raises InputError for an unknown one."""
    try:
        return _entries()[id]
    except KeyError:
        near = get_close_matches(id, _entries(), n=3) or sorted(_entries())
        raise InputError(f"There are no weights {id!r} in the catalogue; choose one of: {', '.join(near)}.") from None


def everything() -> tuple[Weights, ...]:
    """Every entry, in the catalogue's order."""
    return tuple(_entries().values())


def engines() -> tuple[str, ...]:
    """The names of all engines that need weights."""
    return tuple(dict.fromkeys(engine for entry in everything() for engine in entry.engines))


def needed_by(engine: str) -> tuple[Weights, ...]:
    """What an engine, or all of a combination `a+b`, needs, largest network first; empty where nothing is needed."""
    members = {member.strip().rpartition(":")[2] for member in engine.split("+")}
    needed = [entry for entry in everything() if members.intersection(entry.engines)]
    return tuple(sorted(needed, key=lambda entry: -(entry.parameters or 0)))


def chosen(names: Iterable[str]) -> tuple[Weights, ...]:
    """The entries meant by engine names and ids, each once. Raises InputError for a name that is neither."""
    found: dict[str, Weights] = {}
    for name in names:
        for entry in needed_by(name) or (_entry(name),):
            found[entry.id] = entry
    return tuple(found.values())


def _entry(name: str) -> Weights:
    if name in _entries():
        return _entries()[name]
    known = [*engines(), *_entries()]
    near = get_close_matches(name, known, n=3) or list(engines())
    raise InputError(
        f"{name!r} is neither an engine that needs weights nor an id of the catalogue; did you mean: "
        f"{', '.join(near)}? `deepsound models list` shows all."
    )


@cache
def _entries() -> dict[str, Weights]:
    data = json.loads((files("deepsound.weights") / "catalogue.json").read_text(encoding="utf-8"))
    return {entry["id"]: read_entry(entry) for entry in data["weights"]}


def read_entry(data: Mapping[str, Any]) -> Weights:
    """An entry of the catalogue from its JSON."""
    plain = {
        name: data[name]
        for name in ("id", "what", "place", "kind", "parameters", "about_bytes", "parts")
        if name in data
    }
    return Weights(
        **plain,
        licence=Licence(**data["licence"]),
        engines=tuple(data["engines"]),
        layouts={root: tuple(paths) for root, paths in data["layouts"].items()},
        files=tuple(map(_file, data.get("files", ()))),
        editions=tuple(map(_file, data.get("editions", ()))),
        sources=tuple(_hub(source) for source in data.get("sources", ())),
        holds=tuple(data.get("holds", ())),
        beside=tuple(data.get("beside", ())),
    )


def _file(data: Mapping[str, Any]) -> PublishedFile:
    sources = tuple(UrlSource(source["url"]) if "url" in source else _hub(source) for source in data["sources"])
    return PublishedFile(**{**data, "sources": sources})


def _hub(data: Mapping[str, Any]) -> HubSource:
    rest = {name: value for name, value in data.items() if name not in ("hub", "only")}
    return HubSource(data["hub"], only=tuple(data.get("only", ())), **rest)
