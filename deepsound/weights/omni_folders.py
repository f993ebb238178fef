"""Folders of local multimodal models: which lie in the models folder `omni`."""

from __future__ import annotations

from pathlib import Path

from deepsound.errors import DeepSoundError
from deepsound.runtime.paths import is_dir, is_file
from deepsound.weights.search_paths import SearchPaths, default_search_paths

FOLDER = "omni"
_CONFIG = "config.json"


def omni_folders(places: SearchPaths) -> dict[str, Path]:
    """Folders with a model's config.json below a searched folder `omni`, by name; the first of each name."""
    found: dict[str, Path] = {}
    for folder in (
        *(root / FOLDER for root in (*places.model_folders, places.cache)),
        *places.categories.get(FOLDER, ()),
    ):
        for path in sorted(folder.iterdir()) if is_dir(folder) else ():
            if is_file(path / _CONFIG) and not path.name.startswith("."):
                found.setdefault(path.name, path)
    return found


def omni_names() -> tuple[str, ...]:
    """The names that a menu offers; none where the folders cannot be read, which the engine says when it runs."""
    try:
        return tuple(sorted(omni_folders(default_search_paths())))
    except (DeepSoundError, OSError):
        return ()
