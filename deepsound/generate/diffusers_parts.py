"""The error for missing or too old packages, of engines made of diffusers' parts."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deepsound.runtime.packages import missing_package

# Before it, the pipeline could not be made without an autoencoder.
OLDEST_DIFFUSERS = (0, 33)


def require_packages(engine: str, needed: tuple[str, ...]) -> None:
    """Raise MissingPackage, saying what `engine` needs installed; nothing is imported."""
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise missing_package(f"{engine} needs {', '.join(missing)}, which this Python does not have", *missing)
    found = _version("diffusers")
    if found < OLDEST_DIFFUSERS:
        oldest = ".".join(map(str, OLDEST_DIFFUSERS))
        raise missing_package(
            f"{engine} needs diffusers {oldest} or newer, and this Python has {'.'.join(map(str, found))}",
            f"diffusers>={oldest}",
        )


def _version(name: str) -> tuple[int, ...]:
    """Major and minor version; an unreadable one counts as new enough."""
    try:
        numbers = re.match(r"(\d+)\.(\d+)", version(name))
    except PackageNotFoundError:
        numbers = None
    return tuple(map(int, numbers.groups())) if numbers else OLDEST_DIFFUSERS
