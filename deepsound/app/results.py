"""Results panel of a finished run: the video, sounds to compare, downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsound.app.status_view import escape
from deepsound.app.storage import RESULTS, STEM, VIDEOS
from deepsound.media.files import atomic_write
from deepsound.media.wav import write_wav
from deepsound.outputs import Result
from deepsound.runtime.json_files import json_bytes
from deepsound.runtime.paths import is_file

_SOUNDS = (
    ("step1.wav", "Coarse", "as it was generated"),
    ("wav", "Final", "in the finished video"),
    ("voice.wav", "Removed voice", "what was taken out"),
)
# Starting one player stops the other and goes on where that one was, so that two sounds are compared at one place.
_COMPARE = (
    "for(const other of this.closest('.ds-sounds').querySelectorAll('audio'))"
    "if(other!==this&&!other.paused){this.currentTime=other.currentTime;other.pause()}"
)


def write_extras(result: Result) -> None:
    """Add the removed voice to a run's files, and take the machine's folders out of its record."""
    if result.outcome.stems is not None:
        write_wav(result.outcome.stems.voice, result.result_path.with_name(f"{stem_of(result)}.voice.wav"))
    record = json_bytes(without_folders(result.to_json()))
    with atomic_write(result.result_path) as partial:
        partial.write_bytes(record)


def stem_of(result: Result) -> str:
    """What the names of a run's or take's files begin with."""
    return result.result_path.name.removesuffix(".result.json")


def without_folders(record: dict[str, Any]) -> dict[str, Any]:
    """A result record whose paths are file names alone: where they lie on this machine stays private."""
    named = {
        key: Path(value).name
        for key, value in record.items()
        if isinstance(value, str) and (key.endswith("_path") or key == "video_input")
    }
    weights = [{**used, "path": Path(used["path"]).name} for used in record.get("weights", ())]
    return {**record, **named, "weights": weights}


def results_html(run_id: str, folder: Path, stem: str = STEM, title: str = "") -> str:
    """The players and the links for what a run, or a take of it, left in its folder; under a title if there is one."""
    here = _names_of(folder, stem)
    video = next((name for name in here if name.replace(stem, STEM, 1) in VIDEOS), "")
    shown = (
        f'<video class="ds-video" controls playsinline preload="auto" src="{_address(run_id, video)}"></video>'
        if video
        else ""
    )
    sounds = "".join(
        _sound(run_id, f"{stem}.{suffix}", name, what) for suffix, name, what in _SOUNDS if f"{stem}.{suffix}" in here
    )
    links = "".join(
        f'<a class="ds-download" download="{name}" href="{_address(run_id, name)}">{name}</a>' for name in here
    )
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'{heading}{shown}<div class="ds-sounds">{sounds}</div><div class="ds-downloads">{links}</div>'


def addresses(run_id: str, folder: Path, stem: str = STEM) -> dict[str, str]:
    """Where what a run, or a take of it, left can be fetched, by name."""
    return {name: _address(run_id, name) for name in _names_of(folder, stem)}


def _names_of(folder: Path, stem: str) -> list[str]:
    names = [name.replace(STEM, stem, 1) for name in RESULTS]
    return [name for name in names if is_file(folder / name)]


def _sound(run_id: str, name: str, title: str, what: str) -> str:
    return (
        f'<figure class="ds-sound"><figcaption><b>{escape(title)}</b> {escape(what)}</figcaption>'
        f'<audio controls preload="metadata" src="{_address(run_id, name)}" onplay="{_COMPARE}"></audio></figure>'
    )


def _address(run_id: str, name: str) -> str:
    return f"/results/{run_id}/{name}"
