"""Fuzzing target: records of finished runs and journals of stopped ones."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from deepsound.compare.record import read_record
from deepsound.errors import InputError, MediaError
from deepsound.evaluate.clips import find_clips
from deepsound.outputs import SCHEMA_VERSION
from deepsound.outputs.placement import undo
from deepsound.outputs.reading import read_result
from deepsound.runtime.json_files import json_bytes
from tests.fuzz.targets import Target

_RECORD = {
    "step1_audio_path": "clip.step1.wav",
    "is_vo": True,
    "step3_audio_path": "clip.step3.wav",
    "is_silent": False,
    "final_audio_path": "clip.wav",
    "final_video_path": "clip.mp4",
    "schema_version": SCHEMA_VERSION,
    "deepsound_version": "0.4.0",
    "video_input": "/videos/clip.mp4",
    "neg_audio_path": None,
    "mode": "s4",
    "postp_mode": "neg",
    "final_from": "background",
    "engines": {"generator": {"name": "draft", "why": ""}},
    "request": {"prompt": "rain", "seed": 42},
    "verdict": "yes",
    "category": "No2",
    "voice_spans_s": [[0.5, 1.25], [2.0, 3.5]],
    "loudness": {"final": {"integrated_lufs": -23.0}},
    "steps": [{"name": "plan", "seconds": 0.1, "note": ""}],
    "files": {"clip.wav": 1024},
    "links": {},
    "total_s": 2.5,
}
_JOURNAL = {"stem": "clip", "new": [".step1.wav", ".wav", ".result.json"], "old": [".result.json", ".wav"]}


def seeds(folder: Path) -> list[Path]:
    """A record as it is written, one of 0.3.0 on one line, and a journal."""
    older = {key: value for key, value in _RECORD.items() if key not in ("schema_version", "files", "links")}
    (folder / "clip.result.json").write_bytes(json_bytes(_RECORD))
    (folder / "old.result.json").write_text(json.dumps(older), encoding="utf-8")
    (folder / "journal.json").write_bytes(json_bytes(_JOURNAL))
    return sorted(folder.iterdir())


def read(path: Path) -> None:
    """Read a record by its one reader, then by those who use it; a journal by the undo of a stopped run."""
    if path.name == "journal.json":
        undo(path.parent, path.parent)
        return
    with suppress(InputError, MediaError):
        read_record(path)
    find_clips(path.parent)
    read_result(path)


TARGET = Target(seeds, read, text=True)
