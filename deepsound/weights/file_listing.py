"""Names for menus, and back to files: a name never leads out of the folders that are known to hold weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deepsound.errors import EngineError, InputError
from deepsound.runtime.paths import is_dir, is_file
from deepsound.weights.locate import SUFFIXES
from deepsound.weights.search_paths import Places, default_places


def list_files(pattern: str, places: Places | None = None) -> list[str]:
    """The names, below a models folder, of the weight files that match: `mmaudio/**` is all of one sub-folder.

    Names use `/` on every system and are sorted; each can be given to `resolve_name`. Files that are reached through
    a link out of their folder are not offered.
    """
    places = places or default_places()
    names = set()
    for prefix, root in _roots(places):
        below = pattern.removeprefix(prefix)
        if prefix and below == pattern:
            continue
        names |= {
            prefix + path.relative_to(root).as_posix()
            for path in _files(root, below)
            if _confined(root, path) is not None
        }
    return sorted(names)


def resolve_name(name: str, places: Places | None = None) -> Path:
    """The file that a name from `list_files` stands for, in the first folder that has it.

    Raises InputError for a name that leads out of the folders, by `..`, an absolute path or a link, and for one that
    is not there.
    """
    places = places or default_places()
    if not isinstance(name, str) or not _is_relative(name):
        raise InputError(f"The weights' name {_shown(name)} is not one from the list; choose a file from the list.")
    for prefix, root in _roots(places):
        if prefix and not name.startswith(prefix):
            continue
        path = _confined(root, root / name.removeprefix(prefix))
        if path is not None and path.name.endswith(SUFFIXES) and is_file(path, EngineError):
            return path
    raise InputError(
        f"The weights {_shown(name)} are in none of the models folders; choose a file from the list, or put it there."
    )


def _roots(places: Places) -> Iterator[tuple[str, Path]]:
    for folder in places.model_folders:
        yield "", folder
    for category, folders in places.categories.items():
        for folder in folders:
            yield category + "/", folder
    yield "", places.cache


def _files(root: Path, pattern: str) -> Iterator[Path]:
    if not is_dir(root, EngineError):
        return
    for path in root.glob(pattern + "/*" if pattern.endswith("**") else pattern):
        if path.name.endswith(SUFFIXES) and is_file(path, EngineError):
            yield path


def _is_relative(name: str) -> bool:
    """Whether the name is a plain relative path under the rules of every system."""
    parts = name.replace("\\", "/").split("/")
    return 0 < len(name) < 1024 and name.isprintable() and ":" not in name and not {"", ".", ".."} & set(parts)


def _confined(root: Path, path: Path) -> Path | None:
    try:
        real_root, real = os.path.realpath(root), os.path.realpath(path)
        return path if os.path.commonpath([real_root, real]) == real_root else None
    except (OSError, ValueError):
        return None


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= 80 else text[:77] + "..."
