"""Model folders of ComfyUI: `models/`, `extra_model_paths.yaml`, the core's CLIP tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepsound.errors import EngineError
from deepsound.runtime.paths import escaped, expand, is_file

EXTRA = "extra_model_paths.yaml"
_LONGEST_BYTES = 1_000_000
# The core's own table: older names of two of its folders.
_RENAMED = {"clip": "text_encoders", "unet": "diffusion_models"}


def comfyui_categories(root: Path) -> dict[str, tuple[Path, ...]]:
    """Further folders by the sub-folder of `models/` they stand for, as the core of `root` would register them.

    A folder under an older name (`clip`, `unet`) counts for the newer one too, and the other way round; `sd1_tokenizer`
    is the core's own. Raises EngineError for an `extra_model_paths.yaml` that cannot be read.
    """
    found: dict[str, list[Path]] = {}
    for name, folder, is_default in _extra_folders(root / EXTRA):
        for category in {name, *(pair for pair in _same_as(name))}:
            folders = found.setdefault(category, [])
            if folder not in folders:
                folders.insert(0 if is_default else len(folders), folder)
    found["sd1_tokenizer"] = [root / "comfy" / "sd1_tokenizer"]
    return {name: tuple(folders) for name, folders in found.items()}


def _same_as(name: str) -> Iterator[str]:
    for old, new in _RENAMED.items():
        if name in (old, new):
            yield old if name == new else new


def _extra_folders(path: Path) -> Iterator[tuple[str, Path, bool]]:
    """Category, folder and whether it goes first, for every line of the file; nothing where there is no file."""
    if not is_file(path, EngineError):
        return
    config = _read(path)
    for title, section in config.items():
        if section is None:
            continue
        if not isinstance(section, Mapping):
            raise _wrong(path, f"{title!r} holds no table of folders")
        base = _base(path, section.get("base_path"))
        for name, listed in section.items():
            if name in ("base_path", "is_default"):
                continue
            if not isinstance(name, str) or not isinstance(listed, str) or "\0" in listed:
                raise _wrong(path, f"expected folders as text for {name!r} in {title!r}, got {type(listed).__name__}")
            for line in filter(None, listed.split("\n")):
                yield name, Path(os.path.normpath(base / line)), bool(section.get("is_default"))


def _base(path: Path, stated: object) -> Path:
    """What a section's folders lie below: its base path, from the file's own folder where that is relative."""
    if stated is None:
        return path.parent.absolute()
    if not isinstance(stated, str) or "\0" in stated:
        raise _wrong(path, f"base_path is {stated!r}, not a folder's name")
    return path.parent.absolute() / expand(os.path.expandvars(stated), EngineError)


def _read(path: Path) -> Mapping[Any, Any]:
    import yaml

    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST_BYTES + 1)
        if len(data) > _LONGEST_BYTES:
            raise _wrong(path, f"it is longer than {_LONGEST_BYTES} bytes")
        config = yaml.safe_load(data)
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError, TypeError) as error:
        raise _wrong(path, " ".join(str(error).split())[:300]) from error
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise _wrong(path, f"expected a table of sections, got {type(config).__name__}")
    return config


def _wrong(path: Path, problem: str) -> EngineError:
    return EngineError(
        f"ComfyUI's {escaped(path)} cannot be used: {problem}. Correct the file, or leave COMFYUI_PATH unset."
    )
