"""The weights an engine lacks: files, sizes, licences and places, as data and one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepsound.errors import EngineError
from deepsound.weights.catalogue import Licence, Weights, weights
from deepsound.weights.catalogue import needed_by as entries_of_engine
from deepsound.weights.locate import find, origin, target
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# What a host's user is told to do, set with `register_download_action`; "" stands for the command line's own advice.
_registered_action = ""


@dataclass(frozen=True)
class MissingEntry:
    """Weights that are not on this machine.

    `bytes` of the download (None: not stated), `path` where the file or folder belongs, `files` all that must be there.
    """

    id: str
    what: str
    bytes: int | None
    licence: Licence
    path: Path
    files: tuple[Path, ...]
    origin: str

    @classmethod
    def of(cls, entry: Weights, places: SearchPaths) -> MissingEntry:
        path = target(entry, places)
        needed = tuple(path.with_name(file.name) for file in entry.files if not file.optional) or (path,)
        return cls(entry.id, entry.what, entry.size, entry.licence, path, needed, origin(entry))


@dataclass(frozen=True)
class MissingWeights:
    """Everything that `needed_by` (engine names, or catalogue ids) still needs; `folder` is what paths lie below."""

    needed_by: tuple[str, ...]
    entries: tuple[MissingEntry, ...]
    folder: Path

    @property
    def bytes(self) -> int:
        """Bytes of all downloads together, as far as their sizes are stated."""
        return sum(entry.bytes or 0 for entry in self.entries)

    @property
    def size_text(self) -> str:
        """The size of all downloads for a person to read: `10.8 GB`, `at least 8.4 GB`, `size not stated`."""
        if not self.bytes:
            return "size not stated"
        unit, scale = ("GB", 1e9) if self.bytes >= 1e8 else ("MB", 1e6)
        known = all(entry.bytes is not None for entry in self.entries)
        size = f"{self.bytes / scale:.1f} {unit}"
        return size if known else f"at least {size}"

    @property
    def licences(self) -> tuple[str, ...]:
        """The licences, each once, with whether commercial use is excluded."""
        return tuple(dict.fromkeys(str(entry.licence) for entry in self.entries))

    @property
    def command(self) -> str:
        """The command that fetches exactly these."""
        ids = [entry.id for entry in self.entries]
        return f"deepsound models download {' '.join(self.needed_by if self._is_all_of_them() else ids)}"

    def message(self, action: str = "") -> str:
        """What is missing, how much, under which licence, where to put it, and `action`, the one thing to do.

        Without `action`: what the host registered, else the command line's. Short enough for a node.
        """
        first, alone = self.entries[0], len(self.entries) == 1
        subject = (
            f"The weights {first.id} ({first.what}) are not on this machine"
            if alone
            else f"{' and '.join(self.needed_by)}: {len(self.entries)} sets of weights are not on this machine"
        )
        beside = f", with {', '.join(path.name for path in first.files[1:])}" if first.files[1:] else ""
        files = ", ".join(self._relative(path) for entry in self.entries for path in entry.files)
        by_hand = f"it at {first.path}{beside} (from {first.origin})" if alone else f"into {self.folder}: {files}"
        return (
            f"{subject} ({self.size_text}; licence: {'; '.join(self.licences)}). "
            f"{action or _registered_action or self._command_line_action()} Or put {by_hand}."
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values, for a page or a node's dialog."""
        entries = [
            {**asdict(entry), "path": str(entry.path), "files": list(map(str, entry.files))} for entry in self.entries
        ]
        return {
            "needed_by": list(self.needed_by),
            "folder": str(self.folder),
            "bytes": self.bytes,
            "size": self.size_text,
            "licences": list(self.licences),
            "command": self.command,
            "entries": entries,
        }

    def _command_line_action(self) -> str:
        return f"Run `{self.command}`, or add `--download` to the run."

    def _is_all_of_them(self) -> bool:
        return {entry.id for entry in entries_named(self.needed_by)} == {entry.id for entry in self.entries}

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)


class MissingWeightsError(EngineError):
    """An engine's weights are not on this machine; `missing` says which, for a host that shows it in its own way."""

    def __init__(self, missing: MissingWeights, action: str = "") -> None:
        super().__init__(missing.message(action))
        self.missing = missing


def register_download_action(sentence: str) -> None:
    """Set the sentence that says how weights are fetched in this host; "" is the command line's."""
    global _registered_action
    _registered_action = sentence


def missing_weights(
    names: str | Iterable[str],
    places: SearchPaths | None = None,
    *,
    needed_by: str = "",
) -> MissingWeights | None:
    """What the engines and catalogue ids in `names` need and this machine lacks, all of it; None where it has all.

    `needed_by` is the engine to name for a list of ids. An engine without weights needs nothing. Raises InputError for
    an unknown id, EngineError for an explicit path at which the weights are not.
    """
    names = (names,) if isinstance(names, str) else tuple(names)
    places = places or default_search_paths()
    lacking = [entry for entry in entries_named(names) if find(entry, places) is None]
    if not lacking:
        return None
    named = tuple(name for name in names if any(entry in lacking for entry in entries_named((name,))))
    entries = tuple(MissingEntry.of(entry, places) for entry in lacking)
    return MissingWeights((needed_by,) if needed_by else named, entries, places.downloads)


def require(entry: Weights, places: SearchPaths | None = None) -> Path:
    """As `find`, but raises MissingWeightsError if there is nothing: what, where to put it, what fetches it."""
    places = places or default_search_paths()
    found = find(entry, places)
    if found is None:
        one = MissingWeights((entry.id,), (MissingEntry.of(entry, places),), places.downloads)
        raise MissingWeightsError(one)
    return found


def entries_named(names: Iterable[str]) -> tuple[Weights, ...]:
    """The entries of ids (`mmaudio/vae_44k`) and engine names, each once; InputError for an id that does not exist."""
    found: dict[str, Weights] = {}
    for name in names:
        for entry in (weights(name),) if "/" in name else entries_of_engine(name):
            found[entry.id] = entry
    return tuple(found.values())
