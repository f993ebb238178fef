"""The project's cache folder: DEEPSOUND_HOME, else `deepsound` in the platform's cache."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from deepsound.errors import EngineError
from deepsound.runtime.paths import expand


def own_cache() -> Path:
    """DEEPSOUND_HOME, else `deepsound` in the platform's cache folder; it need not exist."""
    return folder_of("DEEPSOUND_HOME", lambda: _platform_cache() / "deepsound")


def cache_root() -> Path:
    """XDG_CACHE_HOME, else ~/.cache, which the hub's and torch's caches follow on every platform."""
    return folder_of("XDG_CACHE_HOME", lambda: _home() / ".cache")


def folder_of(variable: str, otherwise: Callable[[], Path]) -> Path:
    """The folder an environment variable names, `~` and variables in it expanded, or another one."""
    value = os.environ.get(variable)
    return expand(os.path.expandvars(value), EngineError) if value else otherwise()


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return folder_of("LOCALAPPDATA", lambda: _home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches"
    return cache_root()


def _home() -> Path:
    """The user's home folder. Raises EngineError in a container whose user has neither a name nor HOME."""
    try:
        return Path.home()
    except RuntimeError:
        raise EngineError(
            "There is no home folder to look for weights in: this user has none, and HOME is not set; set HOME, or "
            "DEEPSOUND_HOME, HF_HOME and TORCH_HOME."
        ) from None
