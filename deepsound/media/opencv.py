"""OpenCV where it is installed, in any version; nothing requires it."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any


def find_opencv(*names: str) -> Any | None:
    """The module `cv2` if it has all of `names`; None where it is missing, does not load, or lacks one of them."""
    module = sys.modules["cv2"] if "cv2" in sys.modules else _imported()
    return module if module is not None and all(hasattr(module, name) for name in names) else None


@lru_cache(maxsize=1)
def _imported() -> Any | None:
    """The import is tried once: a missing package costs a search of every folder each time."""
    try:
        import cv2
    except (ImportError, AttributeError):  # a build for another numpy ends in either
        return None
    return cv2
