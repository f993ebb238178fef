"""Search for weights on this machine: explicit path, model folders, projects, caches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deepsound.errors import EngineError
from deepsound.runtime.paths import is_dir, is_file
from deepsound.weights.catalogue import HubSource, PublishedFile, Weights
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# Whole files before halved ones, and what can be read without unpickling first.
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
PRECISIONS = ("", "_fp32", "_bf16", "_fp16")
_TAR = ".pth.tar"


def find(weights: Weights, places: SearchPaths | None = None) -> Path | None:
    """The file, or for a folder of files the folder, that holds `weights`; None where there is none.

    Searched in this order: the explicit path, the model folders, original projects, our cache, the hub's cache,
    installed packages. Raises EngineError if an explicit path was given and the weights are not there: it is never
    passed over.
    """
    places = places or default_search_paths()
    if weights.id in places.explicit:
        return _explicit(weights, places.explicit[weights.id])
    return next(iter(candidates(weights, places)), None)


def candidates(weights: Weights, places: SearchPaths) -> Iterator[Path]:
    """Every place where the weights are, the one that is used first; explicit paths are not among them."""
    seen: set[Path] = set()
    for path in _existing(weights, places):
        if path not in seen and _is_whole(weights, path):
            seen.add(path)
            yield path


def target(weights: Weights, places: SearchPaths) -> Path:
    """Where a download goes: the file, or the folder."""
    folder = places.downloads / weights.place
    return folder if weights.kind == "folder" else folder / weights.files[0].name


def origin(weights: Weights) -> str:
    """Where the weights are published, for a person to read."""
    source = weights.sources[0] if weights.kind == "folder" else weights.files[0].sources[0]
    if isinstance(source, HubSource):
        return f"the hub repository {source.repo}" + (f", file {source.file}" if source.file else "")
    return source.url


def _existing(weights: Weights, places: SearchPaths) -> Iterator[Path]:
    for model_folder in places.model_folders:
        yield from _in_root(weights, "models", model_folder)
    for relative in weights.layouts.get("models", ()):
        category, _, rest = relative.partition("/")
        for folder in places.categories.get(category, ()):
            yield from _at(weights, folder, rest)
    for project in places.projects:
        yield from _in_root(weights, "projects", project)
    yield from _in_root(weights, "torch_hub", places.torch_hub)
    yield from _in_root(weights, "models", places.cache)
    yield from _in_hub_cache(weights, places.hub_cache)
    for folder in places.packages:
        yield from _in_root(weights, "packages", folder)


def _in_root(weights: Weights, root: str, folder: Path) -> Iterator[Path]:
    for relative in weights.layouts.get(root, ()):
        yield from _at(weights, folder, relative)


def _at(weights: Weights, folder: Path, relative: str) -> Iterator[Path]:
    """What of the weights lies at a layout's path."""
    path = folder / relative
    if weights.kind == "folder":
        if _holds(weights, path):
            yield path
    elif path.name.endswith((*SUFFIXES, _TAR)) or weights.kind == "data":
        if is_file(path, EngineError):
            yield path
    else:
        yield from _every_form(path)


def _every_form(stem: Path) -> Iterator[Path]:
    for precision in PRECISIONS:
        for suffix in SUFFIXES:
            # Not with_suffix: names such as ep_317_sdr_12.9755 have dots of their own.
            path = stem.with_name(f"{stem.name}{precision}{suffix}")
            if is_file(path, EngineError):
                yield path


def _holds(weights: Weights, folder: Path) -> bool:
    return is_dir(folder, EngineError) and _matches(folder, weights.holds)


def _matches(folder: Path, patterns: Iterable[str]) -> bool:
    return all(any(any(folder.glob(pattern)) for pattern in alternatives.split("|")) for alternatives in patterns)


def _is_whole(weights: Weights, path: Path) -> bool:
    """Whether a file that is a diffusers folder's UNet has the other parts beside it."""
    return not weights.beside or path.parent.name != "unet" or _matches(path.parent.parent, weights.beside)


def _explicit(weights: Weights, path: Path) -> Path:
    if weights.kind == "folder":
        if _holds(weights, path):
            return path
        problem = f"it is not a folder that holds {', '.join(weights.holds).replace('|', ' or ')}"
    elif is_file(path, EngineError):
        return path
    elif is_dir(path, EngineError):
        found = _inside(weights, path)
        if found is not None:
            return found
        problem = f"that folder has no file of theirs, {weights.files[0].name} for one"
    else:
        problem = "there is no such file"
    raise EngineError(
        f"The path given for the weights {weights.id}, {path}, cannot be used: {problem}. Correct the "
        "path, or leave it out to have them searched for."
    )


def _inside(weights: Weights, folder: Path) -> Path | None:
    """The weights in a folder that was named: by the names they have anywhere, or by a layout below it."""
    layouts = [path for paths in weights.layouts.values() for path in paths]
    ends = ("/".join(path.split("/")[-parts:]) for parts in (1, 2) for path in layouts)
    for relative in [weights.files[0].name, *ends, *layouts]:
        for path in _at(weights, folder, relative):
            return path
    return None


def _in_hub_cache(weights: Weights, cache: Path) -> Iterator[Path]:
    if weights.kind == "folder":
        for source in weights.sources:
            for snapshot in _snapshots(cache, source):
                if _holds(weights, snapshot / source.folder):
                    yield snapshot / source.folder
        return
    files: tuple[PublishedFile, ...] = (weights.files[0], *weights.editions)
    for file in files:
        for hub in (source for source in file.sources if isinstance(source, HubSource)):
            for snapshot in _snapshots(cache, hub):
                if is_file(snapshot / hub.file, EngineError):
                    yield snapshot / hub.file


def _snapshots(cache: Path, source: HubSource) -> list[Path]:
    """A repository's snapshots in the hub's cache: the revision's own first, then the newest."""
    folder = cache / f"models--{source.repo.replace('/', '--')}"
    try:
        commit = (folder / "refs" / source.revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = source.revision
    try:
        snapshots = list((folder / "snapshots").iterdir())
        return sorted(snapshots, key=lambda path: (path.name != commit, -path.stat().st_mtime))
    except OSError:
        return []
