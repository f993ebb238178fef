"""Every system's sound of one clip, from steps run once; finished clips are skipped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepsound import engines, silence
from deepsound.contracts import check_stems
from deepsound.fallback import NEG_PROMPT
from deepsound.media.clip import Clip
from deepsound.media.files import atomic_write
from deepsound.media.wav import write_wav
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.reproduce.systems import SYSTEMS, ClipSounds, sound_of
from deepsound.runtime.json_files import read_json_object
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest, Judgement

RECORDS = "clips"
SETS = "sets"


@dataclass(frozen=True)
class ClipEngines:
    """The engines of a reproduction, made once and used for every clip.

    `regenerator` generates again without voices: the generator itself where it can (`avoids_voices`).
    """

    generator: engines.Generator
    regenerator: engines.Generator
    avoids_voices: bool
    judges: dict[str, engines.Reasoner]
    separator: engines.Separator

    @classmethod
    def of(cls, settings: ReproductionSettings) -> ClipEngines:
        execution = settings.execution
        generator = engines.generator(settings.generator, execution.unquantised)
        avoids = engines.uses_negative_prompt(generator)
        return cls(
            generator,
            generator if avoids else engines.generator(settings.regenerator, execution.unquantised),
            avoids,
            {name: engines.reasoner(name, execution, settings.preferences) for name in settings.all_judges},
            engines.separator(settings.separator, execution.unquantised, settings.separation),
        )


def record_path(folder: Path, stem: str) -> Path:
    """Where a clip's record is, below the folder of a system and seed."""
    return folder / RECORDS / f"{stem}.json"


def is_done(folder: Path, stem: str, fingerprint: str) -> bool:
    """Whether the clip was finished with these settings and all its sounds are there."""
    path = record_path(folder, stem)
    if not is_file(path):
        return False
    with contextlib.suppress(Exception):
        record = read_json_object(path, "a clip's record")
        sounds = record.get("systems", {}).values()
        return record.get("fingerprint") == fingerprint and all(
            is_file(folder / file["file"]) for file in sounds if file["file"]
        )
    return False


def run_clip(
    video: Path, folder: Path, settings: ReproductionSettings, own: ClipEngines, progress: Progress
) -> dict[str, Any]:
    """Make every system's sound of one clip below `folder` and return the clip's record, written last."""
    clip = Clip.open(video, duration_s=settings.duration_s)
    sounds, judgements = _sounds(clip, settings, own, progress)
    path = record_path(folder, video.stem)
    # An earlier record must not stand over sounds of other settings, should this be stopped between them.
    path.unlink(missing_ok=True)
    record: dict[str, Any] = {
        "clip": video.stem,
        "video": str(video),
        "fingerprint": settings.fingerprint(),
        "duration_s": round(clip.duration_s, 4),
        "judges": {name: _judgement_record(judgement, settings) for name, judgement in judgements.items()},
        "is_voice_over": sounds.is_voice_over,
        "is_silent_after_removal": sounds.silence.is_silent if sounds.silence else None,
        "energy": _energies(sounds, own, judgements, settings, progress),
        "regenerated_by": settings.generator if own.avoids_voices else settings.regenerator,
        "systems": _write_systems(sounds, folder, video.stem),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return record


def _sounds(
    clip: Clip, settings: ReproductionSettings, own: ClipEngines, progress: Progress
) -> tuple[ClipSounds, dict[str, Judgement]]:
    judges = list(own.judges.items())
    clip.expect(*engines.views(own.generator), *(view for _, judge in judges for view in engines.views(judge)))
    plain = GenerationRequest(seed=settings.seed, steps=settings.steps, guidance=settings.guidance, window_s=0.0)
    # The published Direct-neg and `neg` replace the negative prompt by this one.
    negative = GenerationRequest(
        "", NEG_PROMPT, settings.seed, steps=settings.steps, guidance=settings.guidance, window_s=0.0
    )

    def avoided(part: Progress) -> Audio:
        made = own.regenerator.generate(clip, negative, part)
        return engines.require_sound(made, settings.generator if own.avoids_voices else settings.regenerator)

    coarse = engines.require_sound(own.generator.generate(clip, plain, progress.part(0.0, 0.3)), settings.generator)
    again = avoided(progress.part(0.3, 0.6)) if own.avoids_voices else None
    judgements = {name: judge.judge(clip, coarse, progress.part(0.6, 0.8)) for name, judge in judges}
    judgement = judgements[settings.reasoner]
    sounds = ClipSounds(
        coarse, again, judgement, judgement.counts_as_voice_over(settings.undecided), avoids_voices=own.avoids_voices
    )
    if not sounds.is_voice_over:
        return sounds, judgements
    stems = _separate(own, coarse, settings, progress.part(0.8, 0.95))
    quiet = silence.measure(stems.background, progress=progress.part(0.95, 1.0))
    again = avoided(Progress(check=progress.check)) if again is None and quiet.is_silent else again
    return replace(sounds, negative=again, stems=stems, silence=quiet), judgements


def _separate(own: ClipEngines, mix: Audio, settings: ReproductionSettings, progress: Progress):  # type: ignore[no-untyped-def]
    return check_stems(mix, own.separator.separate(mix, progress), f"The separator '{settings.separator}'")


def _judgement_record(judgement: Judgement, settings: ReproductionSettings) -> dict[str, Any]:
    return {
        "verdict": judgement.verdict.value,
        "category": judgement.category,
        "is_voice_over": judgement.counts_as_voice_over(settings.undecided),
        "reasoning": judgement.thought.tagged(),
    }


def _energies(
    sounds: ClipSounds,
    own: ClipEngines,
    judgements: dict[str, Judgement],
    settings: ReproductionSettings,
    progress: Progress,
) -> dict[str, float] | None:
    """Energies of voice and mix of a clip that any judge calls voice-over: what Table 3's ratio is the sum of."""
    if not any(judgement.counts_as_voice_over(settings.undecided) for judgement in judgements.values()):
        return None
    stems = sounds.stems or _separate(own, sounds.coarse, settings, progress)
    return {"voice": _energy(stems.voice), "mix": _energy(sounds.coarse)}


def _energy(audio: Audio) -> float:
    # Added up by numpy: torch's sum differs in its last place by the number of threads, which workers share out.
    return float(audio.waveform.double().square().numpy().sum() / audio.sample_rate)


def _write_systems(sounds: ClipSounds, folder: Path, stem: str) -> dict[str, dict[str, str]]:
    """Each system's file; equal sounds are written once and linked."""
    written: dict[str, Path] = {}
    record: dict[str, dict[str, str]] = {}
    for system in SYSTEMS:
        source = system.source(sounds)
        # The background of a clip without voice-over is its coarse sound.
        audio = sound_of(sounds, source)
        path = folder / SETS / system.name / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if audio is None:
            path.unlink(missing_ok=True)
        elif source in written:
            _link(written[source], path)
        else:
            path.unlink(missing_ok=True)
            write_wav(audio, path)
            written[source] = path
        record[system.name] = {"source": source, "file": str(path.relative_to(folder)) if audio is not None else ""}
    return record


def _link(existing: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    try:
        os.link(existing, path)
    except OSError:
        shutil.copyfile(existing, path)
