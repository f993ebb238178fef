"""The embedded generator `draft`: procedural foley driven by optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsound.generate.draft.engine import DraftGenerator

__all__ = ["DraftGenerator"]


def __getattr__(name: str) -> Any:
    # On demand, so that the parts can be used without loading the motion analysis.
    if name == "DraftGenerator":
        from deepsound.generate.draft.engine import DraftGenerator

        return DraftGenerator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
