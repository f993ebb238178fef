"""The libraries FoleyCrafter is built on: optional, and asked for before anything is looked for or loaded."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deepsound.errors import EngineError

NEEDED = ("diffusers", "transformers", "torchvision")
# Before it, the pipeline could not be made without an autoencoder.
OLDEST_DIFFUSERS = (0, 33)


def require_libraries() -> None:
    """Raise EngineError, saying what to install, where one is missing or too old; nothing is imported."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise EngineError(
            f"FoleyCrafter runs on {', '.join(missing)}, which this Python does not have. Install with "
            f"`pip install {' '.join(missing)}`, in ComfyUI with the Python that runs it "
            "(`pip install deepsound[foleycrafter]` brings all that is needed)."
        )
    found = _version("diffusers")
    if found < OLDEST_DIFFUSERS:
        oldest = ".".join(map(str, OLDEST_DIFFUSERS))
        raise EngineError(
            f"FoleyCrafter needs diffusers {oldest} or newer, and this Python has "
            f"{'.'.join(map(str, found))}. Install it with `pip install --upgrade diffusers`."
        )


def _version(name: str) -> tuple[int, ...]:
    """Major and minor version; one that cannot be told counts as new enough."""
    try:
        numbers = re.match(r"(\d+)\.(\d+)", version(name))
    except PackageNotFoundError:
        numbers = None
    return tuple(map(int, numbers.groups())) if numbers else OLDEST_DIFFUSERS
