"""Players of a node's sounds: FLAC in the temporary folder, waveform and name for the page."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsound.errors import DeepSoundError
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host, host_folders
from .judgement_view import peaks
from .temp_files import LastRuns, Place

# A preview, not the result: what is longer is cut, and what are more takes than one compares is left out.
LONGEST_S = 600.0
_MOST_SOUNDS = 8
_COLUMNS = 300
_LAST_RUNS: LastRuns[list[dict[str, Any]]] = LastRuns(lambda suffix: host_folders.temp_path(suffix), most=32)


def with_players(ui: dict[str, Any], hidden: Any, **sounds: Sequence[Audio]) -> dict[str, Any]:
    """The `ui` of a node with a player for each of its `sounds` (takes by the name of their output).

    Nothing is raised where a preview cannot be written: the sound itself goes on to the next node.
    """
    named = [(name, sound) for name, takes in sounds.items() for sound in takes if sound.samples][:_MOST_SOUNDS]

    def make(place: Place) -> list[dict[str, Any]]:
        return [_described(name, sound, place) for name, sound in named]

    try:
        # Each run is another one: the page keeps the sound of the last, whatever was in it before.
        run = _LAST_RUNS.result(comfy_host.node_key(hidden), comfy_host.prompt_id(), secrets.token_hex(8), make)
    except DeepSoundError:
        return ui
    rows = ui.get("deepsound") or [{}]
    rows[0]["players"] = run
    return {**ui, "deepsound": rows}


def _described(name: str, sound: Audio, place: Place) -> dict[str, Any]:
    from deepsound.media.flac import write_flac

    cut = Audio(sound.waveform[:, : int(LONGEST_S * sound.sample_rate)], sound.sample_rate)
    path: Path = place(".flac")
    write_flac(cut, path, Progress())
    return {"name": name, "audio": path.name, "duration": round(cut.duration_s, 3), "peaks": peaks(cut, _COLUMNS)}
