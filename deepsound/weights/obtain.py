"""Weights for an engine that is about to run: found where they are, or fetched if that was asked for."""

from __future__ import annotations

from pathlib import Path

from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import weights
from deepsound.weights.locate import require
from deepsound.weights.search_paths import default_places


def obtain(id: str, execution: Execution, progress: Progress = Progress()) -> Path:
    """The file or folder of a catalogue entry. Raises EngineError saying what to do where it cannot be had."""
    entry, places = weights(id), default_places(execution.weights)
    if not execution.download:
        return require(entry, places)
    from deepsound.weights.download import download

    return download(entry, places, progress.at(f"download {id}"))
