"""The VO-Free set: reference sounds without voice-overs, and a list of changes.

The paper's set has 1,436 of VGGSound's test clips changed (arXiv 2503.22208, section 4.1).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from deepsound import engines, silence
from deepsound.contracts import check_stems
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.evaluate.clips import ClipFiles, find_clips
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.files import atomic_write
from deepsound.media.wav import write_wav
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress

SOUNDS = "vo_free"
LIST = "vo_free.csv"
_COLUMNS = ("clip", "verdict", "category", "changed", "silent_after_removal", "voice_spans", "problem")


def make_vo_free(
    reference: Path,
    folder: Path,
    settings: ReproductionSettings,
    videos: Mapping[str, Path] = MappingProxyType({}),
    progress: Progress = Progress(),
) -> list[dict[str, Any]]:
    """Write `folder`/vo_free/NAME.wav for every clip of the ground truth, and vo_free.csv; returns the list's rows.

    The judge hears the reference's sound and looks at its picture, or where it has none at the clip of that name in
    `videos`. What is done is left as it is; a bad clip, or one without any picture, is a row with its problem.
    """
    reasoner = engines.reasoner(settings.reasoner, settings.execution, settings.preferences)
    separator = engines.separator(settings.separator, settings.execution.unquantised, settings.separation)
    rows = []
    clips = list(find_clips(reference).clips.values())
    for index, clip in enumerate(clips):
        part = progress.part(index / len(clips), (index + 1) / len(clips))
        clip = replace(clip, video=clip.video or videos.get(clip.name))
        try:
            rows.append(_one(clip, folder, settings, reasoner, separator, part))
        except Cancelled:
            raise
        except DeepSoundError as error:
            rows.append({"clip": clip.name, "verdict": "", "changed": "", "problem": str(error)})
        part.update(1.0)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / LIST) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS, restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    return rows


def _one(
    clip: ClipFiles,
    folder: Path,
    settings: ReproductionSettings,
    reasoner: engines.Reasoner,
    separator: engines.Separator,
    progress: Progress,
) -> dict[str, Any]:
    target, note = folder / SOUNDS / f"{clip.name}.wav", folder / SOUNDS / f"{clip.name}.json"
    fingerprint = settings.reference_fingerprint()
    if is_file(target) and is_file(note):
        known = read_json_object(note, "a VO-Free record")
        if known.get("fingerprint") == fingerprint:
            return known
    if clip.video is None:
        raise InputError(f"{clip.sound} has no picture to judge by, and no video has its name; add one.")
    audio = decode_audio(clip.sound)
    judgement = reasoner.judge(Clip.open(clip.video, duration_s=settings.duration_s), audio, progress.part(0.0, 0.5))
    voiced = judgement.counts_as_voice_over(settings.undecided)
    final, silent = audio, None
    if voiced:
        stems = check_stems(
            audio, separator.separate(audio, progress.part(0.5, 1.0)), f"The separator '{settings.separator}'"
        )
        final, silent = stems.background, silence.measure(stems.background).is_silent
    target.parent.mkdir(parents=True, exist_ok=True)
    # An earlier note must not stand over another sound, should this be stopped between them.
    note.unlink(missing_ok=True)
    write_wav(final, target)
    row = {
        "clip": clip.name,
        "verdict": judgement.verdict.value,
        "category": judgement.category,
        "changed": voiced,
        "silent_after_removal": silent,
        "voice_spans": "; ".join(map(str, judgement.voice_spans)),
        "problem": "",
        "fingerprint": fingerprint,
    }
    with atomic_write(note) as partial:
        partial.write_text(json.dumps(row, indent=1), encoding="utf-8")
    return row
