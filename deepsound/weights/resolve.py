"""Resolves the weights of an engine: found on disk, or downloaded where that is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import weights
from deepsound.weights.locate import find
from deepsound.weights.missing import MissingWeightsError, missing_weights
from deepsound.weights.remote import is_offline
from deepsound.weights.search_paths import default_search_paths


def resolve_or_download(id: str, execution: Execution, progress: Progress = Progress(), needed_by: str = "") -> Path:
    """The file or folder of a catalogue entry, for the engine `needed_by`.

    Raises MissingWeightsError where it is nowhere and no download was asked for, EngineError where it cannot be had.
    """
    return resolve_all((id,), execution, progress, needed_by)[id]


def resolve_all(
    ids: Iterable[str], execution: Execution, progress: Progress = Progress(), needed_by: str = ""
) -> dict[str, Path]:
    """The files or folders of all `ids`; what is missing is named in one error, before anything is fetched.

    Raises MissingWeightsError where some are nowhere and no download was asked for or HF_HUB_OFFLINE forbids it,
    EngineError where one cannot be had.
    """
    ids = tuple(dict.fromkeys(ids))
    places = default_search_paths(execution.weights)
    missing = missing_weights(ids, places, needed_by=needed_by)
    if missing is not None and not execution.download:
        raise MissingWeightsError(missing)
    if missing is not None and is_offline():
        raise MissingWeightsError(
            missing, f"HF_HUB_OFFLINE forbids fetching them; unset it and run `{missing.command}`."
        )
    found = {}
    for id in ids:
        path = find(weights(id), places)
        if path is None:
            from deepsound.weights.download import download

            path = download(weights(id), places, progress.at(f"download {id}"))
        found[id] = path
    return found
