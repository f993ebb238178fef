"""Result line and notes of a node's run: what came out, what was ignored, lost or chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deepsound.runtime.progress import Progress

from .node_progress import NodeListener

_MOST = 12
_LONGEST = 600
_MOST_LINES = 24


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


def run_summary(progress: Progress, more: Iterable[str] = (), text: str = "") -> dict[str, Any]:
    """What the page keeps on the node after a run: its notes, its time in seconds, and a line for each result."""
    listener = progress.on_event
    seconds, results = (listener.seconds, listener.results) if isinstance(listener, NodeListener) else (0.0, [])
    lines = [line[:_LONGEST] for line in [*text.splitlines(), *results][:_MOST_LINES]]
    return {"notes": notes_of(progress, more), "result": {"seconds": round(seconds, 2), "lines": lines}}


def notes_ui(progress: Progress, more: Iterable[str] = (), text: str = "") -> dict[str, Any]:
    """The same as the `ui` of a node's output."""
    return {"deepsound": [run_summary(progress, more, text)]}
