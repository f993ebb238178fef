"""The libraries FoleyCrafter is built on: optional, and asked for before anything is looked for or loaded."""

from __future__ import annotations

from importlib.util import find_spec

from deepsound.errors import EngineError

NEEDED = {"diffusers": "diffusers", "transformers": "transformers", "torchvision": "torchvision"}


def require_libraries() -> None:
    """Raise EngineError, saying what to install, where one is missing; nothing is imported."""
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if missing:
        raise EngineError(f"FoleyCrafter runs on {', '.join(missing)}, which this Python does not have. Install with "
                          f"`pip install {' '.join(missing)}`, in ComfyUI with the Python that runs it "
                          "(`pip install deepsound[foleycrafter]` brings all that is needed).")
