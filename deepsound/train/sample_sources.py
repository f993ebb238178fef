"""Where training sounds of the separator come from: folders, or this project's recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsound.runtime.progress import Progress
from deepsound.train.item_checks import ItemProblem
from deepsound.train.mixing import BackgroundLibrary, BackgroundSource, VoiceSource
from deepsound.train.user_sounds import SoundFolder, UserBackgrounds, UserVoices
from deepsound.train.voices import SyntheticVoices

_PIECES, _PIECE_S = 120, 15.0


@dataclass(frozen=True, eq=False)
class SoundSources:
    """Voices and backgrounds to train on and held out; of folders `not_held_out` the same files for both."""

    train: tuple[VoiceSource, BackgroundSource]
    held_out: tuple[VoiceSource, BackgroundSource]
    problems: tuple[ItemProblem, ...] = ()
    not_held_out: tuple[Path, ...] = ()


def sound_sources(
    voices: Path | None, backgrounds: Path | None, out: Path, held_out: float, seed: int, progress: Progress
) -> SoundSources:
    """The sources of two folders; without one, babble and rendered backgrounds (the recipe's, for want of any)."""
    problems: list[ItemProblem] = []
    whole: list[Path] = []
    train_voices: VoiceSource = SyntheticVoices()
    held_voices: VoiceSource = SyntheticVoices()
    if voices is not None:
        sounds = SoundFolder(voices, out / "cache", progress)
        problems += sounds.problems
        train, held = sounds.halves(held_out)
        whole += [] if held else [voices]
        train_voices, held_voices = UserVoices(sounds, train), UserVoices(sounds, held or train)
    train_beds: BackgroundSource
    held_beds: BackgroundSource
    if backgrounds is not None:
        sounds = SoundFolder(backgrounds, out / "cache", progress)
        problems += sounds.problems
        train, held = sounds.halves(held_out)
        whole += [] if held else [backgrounds]
        train_beds, held_beds = UserBackgrounds(sounds, train), UserBackgrounds(sounds, held or train)
    else:
        train_beds = BackgroundLibrary(out / "backgrounds", _PIECES, _PIECE_S, seed)
        held_beds = BackgroundLibrary(out / "held_out_backgrounds", _PIECES // 10, _PIECE_S, seed + 1)
    return SoundSources((train_voices, train_beds), (held_voices, held_beds), tuple(problems), tuple(whole))
