"""Stems for an editor: aligned files of one rate and length, numbered in reading order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deepsound.errors import InputError
from deepsound.media.audio import fit_length, resample
from deepsound.media.flac import write_flac
from deepsound.media.wav import write_wav
from deepsound.outputs.naming import STEM_FORMATS, STEM_NAMES
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import copy_of, peak_of
from deepsound.types import Audio


@dataclass(frozen=True)
class AlignedStems:
    """Stems by name, in the order of STEM_NAMES: one rate, one length, all from the picture's first moment.

    `gain_db` is what all of them were turned by so that none is beyond full scale; 0 where they are as they were.
    """

    sounds: dict[str, Audio]
    gain_db: float = 0.0


def align_stems(sounds: Mapping[str, Audio | None], stem_format: str = STEM_FORMATS[0]) -> AlignedStems:
    """The sounds by their names at the highest of their rates, as long as the longest; None ones are left out.

    FLAC has no samples beyond full scale: for it all stems are turned down alike where one has any. Raises InputError
    for a name or a format that does not exist, and where there is no sound at all.
    """
    check_stem_format(stem_format)
    unknown = sorted(set(sounds) - set(STEM_NAMES))
    if unknown:
        raise InputError(f"stems: expected names among {', '.join(STEM_NAMES)}, got {unknown[0]!r}; rename it.")
    given = {name: sound for name in STEM_NAMES if (sound := sounds.get(name)) is not None}
    if not given:
        raise InputError("stems: expected at least one sound, got none; connect or name one.")
    rate = max(sound.sample_rate for sound in given.values())
    matched = {name: resample(sound, rate) for name, sound in given.items()}
    samples = max(sound.samples for sound in matched.values())
    fitted = {name: fit_length(sound, samples) for name, sound in matched.items()}
    peak = max(peak_of(sound.waveform) for sound in fitted.values())
    if stem_format != "flac" or peak <= 1.0:
        return AlignedStems(fitted)
    return AlignedStems(
        {name: replace(sound, waveform=copy_of(sound.waveform, 1.0 / peak)) for name, sound in fitted.items()},
        _decibels(1.0 / peak),
    )


def write_stem(sound: Audio, path: Path, progress: Progress = Progress()) -> None:
    """Write one stem in the format of the path's suffix: WAV in 32-bit float or FLAC in 24 bit. Raises OutputError."""
    if path.suffix == ".flac":
        write_flac(sound, path, progress)
    else:
        write_wav(sound, path)


def write_stems(
    sounds: Mapping[str, Audio | None],
    folder: Path,
    stem: str,
    stem_format: str = STEM_FORMATS[0],
    progress: Progress = Progress(),
) -> dict[str, Path]:
    """Write `<stem>.01_final.wav`, `<stem>.02_coarse.wav`, ... into `folder`, and return their paths by name.

    Which of them are written is up to `sounds`; each name keeps its number. Raises what `align_stems` raises, and
    OutputError.
    """
    aligned = align_stems(sounds, stem_format)
    note_gain(aligned, progress)
    paths = {name: folder / f"{stem}{stem_suffix(name, stem_format)}" for name in aligned.sounds}
    for number, (name, path) in enumerate(paths.items()):
        write_stem(aligned.sounds[name], path, progress.part(number / len(paths), (number + 1) / len(paths)))
    return paths


def note_gain(aligned: AlignedStems, progress: Progress) -> None:
    """Say where all stems were turned down."""
    if aligned.gain_db:
        progress.note(
            f"Stems: a sound is beyond full scale, which FLAC cannot hold: all of them are {-aligned.gain_db:.1f} dB "
            "quieter. WAV keeps them as they are."
        )


def check_stem_format(stem_format: str) -> None:
    """Raise InputError for a format that stems cannot have."""
    if stem_format not in STEM_FORMATS:
        raise InputError(f"stem_format: expected {' or '.join(STEM_FORMATS)}, got {stem_format!r}; choose one of them.")


def stem_suffix(name: str, stem_format: str = STEM_FORMATS[0]) -> str:
    """The end of a stem's file name, such as ".03_voice.wav"."""
    return f".{STEM_NAMES.index(name) + 1:02}_{name}.{stem_format}"


def _decibels(gain: float) -> float:
    import math

    return 20 * math.log10(gain)
