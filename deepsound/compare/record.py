"""Reader of a finished run's files, so that it is compared without running again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsound.compare.spans import spans_of
from deepsound.errors import InputError, MediaError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.outputs.naming import RECORD
from deepsound.outputs.reading import read_result
from deepsound.runtime.paths import escaped, exists, expand, is_dir, is_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Span

SUFFIX = RECORD


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A finished run's sounds (coarse, final and, where one was removed, voice), its picture and voiced stretches."""

    stem: str
    sounds: dict[str, Audio]
    clip: Clip | None
    spans: tuple[Span, ...]


def records_in(path: Path | str) -> list[Path]:
    """The result records that `path` is, or holds directly, sorted. Raises InputError when there is none."""
    place = expand(path)
    if place.name.endswith(SUFFIX) and is_file(place):
        return [place]
    try:
        found = sorted(path for path in place.iterdir() if path.name.endswith(SUFFIX)) if is_dir(place) else []
    except OSError as error:
        raise InputError(
            f"The folder {escaped(place)} cannot be read: {error.strerror}. Check its permissions."
        ) from error
    if not found and not exists(place):
        raise InputError(f"{escaped(place)} does not exist; give the output folder of `deepsound run`.")
    if not found:
        raise InputError(
            f"{escaped(place)} holds no <name>{SUFFIX}; give the output folder of `deepsound run`, or name the "
            "sounds with --coarse and --final."
        )
    return found


def read_record(path: Path, progress: Progress = Progress()) -> RecordedRun:
    """The run that `path` records; files are looked for beside it first, so that a folder may be moved.

    The voice is the coarse sound minus the background of step 3; a final sound that was dropped is silence. Raises
    InputError for a file that is no record, MediaError for a sound that is missing or cannot be read.
    """
    record = read_result(path)
    coarse = _sound(path, record, "step1_audio_path", progress)
    if coarse is None:
        raise InputError(
            f"{escaped(path)} names no coarse sound (step1_audio_path); give the record of `deepsound run`."
        )
    final = _sound(path, record, "final_audio_path", progress)
    background = _sound(path, record, "step3_audio_path", progress)
    sounds = {"coarse": coarse, "final": Audio(coarse.waveform * 0, coarse.sample_rate) if final is None else final}
    if background is not None and (background.waveform.shape, background.sample_rate) == (
        coarse.waveform.shape,
        coarse.sample_rate,
    ):
        sounds["voice"] = Audio(coarse.waveform - background.waveform, coarse.sample_rate)
    return RecordedRun(
        path.name.removesuffix(SUFFIX),
        sounds,
        _clip(path, record, coarse.duration_s),
        spans_of(record.get("voice_spans_s") or [], str(path)),
    )


def _sound(path: Path, record: dict[str, Any], key: str, progress: Progress) -> Audio | None:
    file = _file(path, record, key)
    return None if file is None else decode_audio(file, progress=progress)


def _clip(path: Path, record: dict[str, Any], duration_s: float) -> Clip | None:
    """The finished video, whose picture is the window that the sounds belong to; else the beginning of the input."""
    for key in ("final_video_path", "video_input"):
        try:
            file = _file(path, record, key)
        except MediaError:
            continue
        if file is not None:
            return Clip.open(file, 0.0, None if key == "final_video_path" else duration_s or None)
    return None


def _file(path: Path, record: dict[str, Any], key: str) -> Path | None:
    named = record.get(key)
    if not named:
        return None
    beside = path.parent / Path(named).name
    file = beside if is_file(beside) else Path(named)
    if not is_file(file):
        raise MediaError(
            f"{escaped(path)} speaks of {escaped(named)}, and it is neither there nor beside the record; run the video "
            "again."
        )
    return file
