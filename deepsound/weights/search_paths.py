"""Folders that are searched for weights: named ones, ComfyUI's, projects' and caches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from deepsound.errors import EngineError
from deepsound.runtime.cache_folder import cache_root, folder_of, own_cache
from deepsound.runtime.paths import expand
from deepsound.weights.comfyui_folders import comfyui_categories


@dataclass(frozen=True)
class SearchPaths:
    """The roots that are searched.

    `explicit` are files or folders by catalogue id. `model_folders` are laid out as ComfyUI's `models/`; `categories`
    are further folders for one of its sub-folders (extra model paths), by that sub-folder's name. `projects` are
    checkouts of original projects, `cache` is our own folder, `hub_cache` and `torch_hub` those of the two libraries,
    `packages` the folders that installed Python packages lie in.
    """

    explicit: Mapping[str, Path] = field(default_factory=dict)
    model_folders: tuple[Path, ...] = ()
    categories: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    projects: tuple[Path, ...] = ()
    cache: Path = Path()
    hub_cache: Path = Path()
    torch_hub: Path = Path()
    packages: tuple[Path, ...] = ()

    @property
    def downloads(self) -> Path:
        """The root that downloads go below: the first model folder, where other packs find them too, else ours."""
        return self.model_folders[0] if self.model_folders else self.cache


_registered_folders: tuple[Path, ...] = ()
_registered_categories: Mapping[str, tuple[Path, ...]] = MappingProxyType({})


def register_model_folders(
    folders: Iterable[Path | str],
    categories: Mapping[str, Iterable[Path | str]] | None = None,
) -> None:
    """Register the host's model folders, in place of those registered before.

    `folders` are laid out as ComfyUI's `models/`; `categories` are further folders by the sub-folder they stand for.
    """
    global _registered_folders, _registered_categories
    _registered_folders = tuple(map(Path, folders))
    _registered_categories = MappingProxyType(
        {name: tuple(map(Path, paths)) for name, paths in (categories or {}).items()}
    )


def registered_folders() -> tuple[Path, ...]:
    """The model folders that were registered, for another process of the same work to register too."""
    return _registered_folders


def default_search_paths(explicit: Mapping[str, Path] | None = None, models: Iterable[Path | str] = ()) -> SearchPaths:
    """The places of this process and its environment.

    Model folders: `models` first, then what the host registered, then `models/` in COMFYUI_PATH, whose
    `extra_model_paths.yaml` is read too. Projects: those in DEEPSOUND_PROJECTS (parted as PATH is), and the working
    folder, where the original programs keep theirs. Own cache: DEEPSOUND_HOME, else `deepsound` in the platform's cache
    folder. HF_HUB_CACHE, HF_HOME and TORCH_HOME are honoured. Raises EngineError for extra model paths that cannot be
    read.
    """
    folders = [*map(Path, models), *_registered_folders]
    categories = {name: list(paths) for name, paths in _registered_categories.items()}
    if comfyui := os.environ.get("COMFYUI_PATH"):
        root = expand(comfyui, EngineError)
        folders.append(root / "models")
        for name, paths in comfyui_categories(root).items():
            categories.setdefault(name, []).extend(paths)
    projects = [
        expand(part, EngineError) for part in os.environ.get("DEEPSOUND_PROJECTS", "").split(os.pathsep) if part
    ]
    return SearchPaths(
        explicit={id: Path(path) for id, path in (explicit or {}).items()},
        model_folders=tuple(dict.fromkeys(folders)),
        categories={name: tuple(dict.fromkeys(paths)) for name, paths in categories.items()},
        projects=(*projects, Path.cwd()),
        cache=own_cache(),
        hub_cache=_hub_cache(),
        torch_hub=folder_of("TORCH_HOME", lambda: cache_root() / "torch") / "hub",
        packages=_package_folders("open_clip"),
    )


def _package_folders(*names: str) -> tuple[Path, ...]:
    """The folders that hold the installed ones of the packages `names`, none of which is imported."""
    found = filter(None, map(find_spec, names))
    return tuple(Path(folder).parent for spec in found for folder in spec.submodule_search_locations or ())


def _hub_cache() -> Path:
    home = folder_of("HF_HOME", lambda: cache_root() / "huggingface")
    return folder_of("HF_HUB_CACHE", lambda: folder_of("HUGGINGFACE_HUB_CACHE", lambda: home / "hub"))
