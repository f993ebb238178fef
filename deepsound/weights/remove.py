"""Removal of downloaded weights, and of no file that another program keeps."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.runtime.paths import is_dir, is_file, is_symlink, size_of
from deepsound.weights.catalogue import Weights
from deepsound.weights.locate import candidates, target
from deepsound.weights.search_paths import SearchPaths


@dataclass(frozen=True)
class Removal:
    """What removing one of the weights deletes, and which copies stay since other programs keep them.

    `paths` are files, or one folder, of `bytes` in all; both are empty where nothing was downloaded. `engines` need
    these weights.
    """

    id: str
    paths: tuple[Path, ...]
    bytes: int
    kept: tuple[Path, ...]
    engines: tuple[str, ...]


def plan_removal(weights: Weights, places: SearchPaths) -> Removal:
    """What `remove` would delete of `weights`: in the folder that downloads go to and in this project's own cache.

    Copies in the hub's cache, in other projects and under other names stay: they are not this project's to delete.
    """
    targets = {target(weights, places), _in_own_cache(weights, places)}
    paths = tuple(path for each in sorted(targets) for path in _present(weights, each))
    kept = tuple(path for path in candidates(weights, places) if path not in paths)
    return Removal(
        weights.id,
        paths,
        sum(map(size_of, paths)),
        kept,
        tuple(weights.engines),
    )


def remove(removal: Removal) -> None:
    """Delete the planned paths. Raises OutputError where the system refuses."""
    for path in removal.paths:
        try:
            shutil.rmtree(path) if is_dir(path) else path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be deleted: {error.strerror}; end what uses it, or change its permissions."
            ) from error


def _in_own_cache(weights: Weights, places: SearchPaths) -> Path:
    folder = places.cache / weights.place
    return folder if weights.kind == "folder" else folder / weights.files[0].name


def _present(weights: Weights, place: Path) -> list[Path]:
    if weights.kind == "folder":
        return [place] if is_dir(place) and not is_symlink(place) else []
    return [path for file in weights.files if is_file(path := place.with_name(file.name))]
