"""Comparison outputs of every surface: still, player files and rendered video."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.compare.comparison import compare
from deepsound.compare.listening import Place, write_listening_files
from deepsound.compare.side_by_side import render_side_by_side
from deepsound.compare.spans import is_automatic, parse_spans
from deepsound.compare.still import still
from deepsound.errors import EngineError
from deepsound.media.clip import Clip
from deepsound.media.render import moviepy_is_missing
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Span


@dataclass(frozen=True, eq=False)
class Presentation:
    """The still uint8 [height, width, 3], the description for a player, the rendered video, and what was left out."""

    still: np.ndarray
    description: dict[str, Any]
    video: Path | None
    notes: tuple[str, ...]


def present(
    sounds: Mapping[str, Audio],
    clip: Clip | None,
    spans: str,
    place: Place,
    render: bool = False,
    seconds: float = 0.0,
    progress: Progress = Progress(),
) -> Presentation:
    """Compare `sounds` (see `compare`): draw the still, write a player's files and, with `render`, the video.

    `spans` is text (see `parse_spans`), or `auto` to listen for voices in the first sound. Without MoviePy the video is
    None and a note says so; the rest is as ever. Raises InputError, OutputError and what `compare` raises.
    """
    notes: list[str] = []
    given = _detect_voice(sounds, notes, progress.at("listen")) if is_automatic(spans) else parse_spans(spans)
    comparison = compare(sounds, clip, given, progress.at("measure"))
    picture = still(comparison, progress=progress.at("draw"))
    description = write_listening_files(comparison, place, progress.at("write"))
    video = None
    if render and (missing := moviepy_is_missing()):
        notes.append(missing)
    elif render:
        video = place(".mp4")
        began, stage = time.perf_counter(), progress.at("render")
        render_side_by_side(comparison, video, seconds, stage)
        stage.finish(video.name, time.perf_counter() - began)
    return Presentation(picture, {**description, "notes": notes}, video, tuple(notes))


def _detect_voice(sounds: Mapping[str, Audio], notes: list[str], progress: Progress) -> tuple[Span, ...]:
    from deepsound.media.vad import voice_spans

    sound = next((sounds[name] for name in ("coarse", "final") if name in sounds), None)
    if sound is None or not sound.samples:
        return ()
    try:
        return voice_spans(sound, progress)
    except EngineError as error:
        notes.append(str(error))
        return ()
