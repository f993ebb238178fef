"""Notes of a node's run: what was ignored, lost or chosen, shown during and after it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deepsound.runtime.progress import Progress

from .node_progress import NodeListener

_MOST = 12
_LONGEST = 600


def notes_of(progress: Progress, more: Iterable[str] = ()) -> list[str]:
    """The notes of the run so far, with `more` added to them; cut to what a node has room for."""
    listener = progress.on_event
    noted = listener.notes if isinstance(listener, NodeListener) else []
    for note in more:
        if note and note not in noted:
            progress.note(note)
    unique = [note if len(note) <= _LONGEST else f"{note[: _LONGEST - 3]}..." for note in dict.fromkeys(noted)]
    beyond = len(unique) - _MOST
    return unique if beyond <= 0 else [*unique[:_MOST], f"And {beyond} more."]


def notes_ui(progress: Progress, more: Iterable[str] = ()) -> dict[str, Any] | None:
    """The same as the `ui` of a node's output; None where there are none."""
    shown = notes_of(progress, more)
    return {"deepsound": [{"notes": shown}]} if shown else None
