"""Optional dependencies of FoleyCrafter: diffusers, transformers and torchvision."""

from __future__ import annotations

from deepsound.generate.diffusers_parts import require_packages

NEEDED = ("diffusers", "transformers", "torchvision")


def require_libraries() -> None:
    """Raise MissingPackage, saying what to install, where one is missing or too old; nothing is imported."""
    require_packages("FoleyCrafter", NEEDED)
