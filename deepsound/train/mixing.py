"""Training examples of the separator: seeded mixes of voices and backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from deepsound.runtime.paths import exists
from deepsound.train.backgrounds import Rng, apply_random_equaliser, background, scale_to_rms
from deepsound.train.voices import VoiceSource, active_rms, fill, in_place


@dataclass(frozen=True)
class MixRecipe:
    """Shares of examples without voice and without background; levels in dB, the voice's against the background's."""

    no_voice: float = 0.12
    no_background: float = 0.06
    two_voices: float = 0.08
    voice_db: tuple[float, float] = (-12.0, 16.0)
    usual_voice_db: float = 3.0
    spread_db: float = 6.0
    level_dbfs: tuple[float, float] = (-38.0, -14.0)


class BackgroundSource(Protocol):
    """Draws backgrounds of any length, mono float32 at 44100 Hz; equal states of `rng` give equal samples."""

    def draw(self, samples: int, rng: Rng) -> np.ndarray: ...


class BackgroundLibrary:
    """Backgrounds rendered once into a folder and mixed anew for every example, `pieces` of `piece_s` seconds."""

    def __init__(self, folder: Path, pieces: int, piece_s: float, seed: int) -> None:
        self.folder, self.pieces, self.piece_s, self.seed = folder, pieces, piece_s, seed
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, samples: int, rng: Rng) -> np.ndarray:
        """One to three pieces on top of each other, each with an equaliser of its own, mono float32."""
        out = np.zeros(samples, np.float32)
        for index in range(rng.choice((1, 2, 3), p=(0.5, 0.35, 0.15))):
            piece = self._piece(int(rng.integers(self.pieces)))
            # Longer examples than pieces: these are repeated.
            piece = np.resize(piece, samples) if len(piece) < samples else piece
            start = rng.integers(len(piece) - samples + 1)
            part = piece[start : start + samples].astype(np.float32)
            part = (
                apply_random_equaliser(part, rng, bumps=2, depth_db=8).astype(np.float32)
                if rng.random() < 0.6
                else part
            )
            out += part * np.float32(1.0 if index == 0 else 10 ** (rng.uniform(-18, 0) / 20))
        return out

    def _piece(self, number: int) -> np.ndarray:
        file = self.folder / f"{number:04}.npy"
        if not exists(file):
            made = background(self.piece_s, np.random.default_rng([self.seed, 7, number]))
            aside = file.with_suffix(".part.npy")
            np.save(aside, np.clip(made, -8, 8).astype(np.float16))
            aside.replace(file)
        return np.load(file, mmap_mode="r")


@dataclass(frozen=True, eq=False)
class Examples:
    """Draws examples of `samples` samples; equal arguments give equal samples."""

    voices: VoiceSource
    backgrounds: BackgroundSource
    samples: int
    seed: int
    recipe: MixRecipe = MixRecipe()

    def batch(self, step: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mixes and the voices in them, float32 [size, 1, samples] each."""
        drawn = [self.example(np.random.default_rng([self.seed, 11, step, place])) for place in range(size)]
        mixes, voices = (np.stack(parts)[:, None] for parts in zip(*drawn, strict=True))
        return mixes, voices

    def example(self, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
        """A mix and the voice in it, mono float32 [samples]."""
        recipe, kind = self.recipe, rng.random()
        bed = self.backgrounds.draw(self.samples, rng)
        voice = np.zeros(self.samples, np.float32)
        if kind >= recipe.no_voice:
            voice = self._voice(rng)
            wanted_db = np.clip(rng.normal(recipe.usual_voice_db, recipe.spread_db), *recipe.voice_db)
            loud, bed_loud = active_rms(voice), active_rms(bed)
            voice *= np.float32(10 ** (wanted_db / 20) * bed_loud / max(loud, 1e-6))
        if recipe.no_voice <= kind < recipe.no_voice + recipe.no_background:
            bed *= 0
        mix = bed + voice
        gain = 10 ** (rng.uniform(*recipe.level_dbfs) / 20) / max(float(np.sqrt(np.mean(mix**2))), 1e-6)
        return (mix * np.float32(gain)).astype(np.float32), (voice * np.float32(gain)).astype(np.float32)

    def _voice(self, rng: Rng) -> np.ndarray:
        voice = in_place(fill(self.samples, self.voices, rng), rng)
        if rng.random() < self.recipe.two_voices:
            second = in_place(fill(self.samples, self.voices, rng), rng)
            voice = scale_to_rms(voice, 0.1) + scale_to_rms(second, 0.1) * np.float32(10 ** (rng.uniform(-10, 0) / 20))
        return voice
