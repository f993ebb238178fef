"""A user's voices and backgrounds: sound files below a folder, drawn by a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepsound.errors import Cancelled, DeepSoundError, InputError, OutputError
from deepsound.media.audio import decode_audio, resample, to_mono
from deepsound.media.files import atomic_write, require_writable
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.runtime.progress import Progress
from deepsound.train.backgrounds import SAMPLE_RATE, Rng, apply_random_equaliser, scale_to_rms
from deepsound.train.item_checks import ItemProblem

_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".mov", ".mkv", ".webm"})
_SHORTEST_S = 0.2
_SILENT = 1e-5


class SoundFolder:
    """The sounds below a folder as mono float16 at 44100 Hz in a cache; what cannot be read is in `problems`.

    `recent` are the files that were read since it was last emptied. Raises InputError where none can be used,
    OutputError where the cache cannot be written.
    """

    def __init__(self, folder: Path, cache: Path, progress: Progress = Progress()) -> None:
        if not is_dir(folder):
            raise InputError(f"expected a folder of sounds, got {escaped(folder)}; there is no such folder.")
        require_writable(cache)
        self.folder, self.problems = folder, list[ItemProblem]()
        self.files: list[Path] = []
        self.recent: list[Path] = []
        self._decoded: dict[Path, Path] = {}
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and is_file(path))
        for path in progress.track(found, len(found)):
            try:
                self._decoded[path] = _decode_once(path, cache, progress)
                self.files.append(path)
            except (Cancelled, OutputError):
                raise
            except DeepSoundError as error:
                self.problems.append(ItemProblem(escaped(path), str(error)))
        if not self.files:
            why = f", the first: {self.problems[0]}" if self.problems else ""
            raise InputError(f"expected sounds below {escaped(folder)}, got none that can be used{why}; add some.")

    def read(self, path: Path) -> np.ndarray:
        """A sound's samples, mapped from the cache."""
        self.recent.append(path)
        return np.load(self._decoded[path], mmap_mode="r")

    def halves(self, share: float) -> tuple[list[Path], list[Path]]:
        """Files to train on and files held out, about `share` of them and at least one where there are two.

        The order is that of a digest of the name, so that it does not depend on which other files there are.
        """
        ordered = sorted(
            self.files, key=lambda path: hashlib.sha256(str(path.relative_to(self.folder)).encode()).hexdigest()
        )
        held = min(max(round(share * len(ordered)), 1), len(ordered) - 1) if share and len(ordered) > 1 else 0
        return ordered[held:], ordered[:held]


class UserVoices:
    """Utterances of the given files, each as likely; `speak` as SpokenVoices does, without changes of speed."""

    def __init__(self, sounds: SoundFolder, files: Sequence[Path]) -> None:
        self.sounds, self.files = sounds, list(files)

    def speak(self, rng: Rng) -> np.ndarray:
        """At most 20 seconds of one file, mono float32 at 44100 Hz."""
        return _part(self.sounds.read(self.files[rng.integers(len(self.files))]), 20 * SAMPLE_RATE, rng)


class UserBackgrounds:
    """Backgrounds of the given files; `draw` as BackgroundLibrary does."""

    def __init__(self, sounds: SoundFolder, files: Sequence[Path]) -> None:
        self.sounds, self.files = sounds, list(files)

    def draw(self, samples: int, rng: Rng) -> np.ndarray:
        """One file, or two on top of each other, equalised by chance, mono float32; short ones are repeated."""
        out = np.zeros(samples, np.float32)
        for index in range(rng.choice((1, 2), p=(0.7, 0.3))):
            part = _part(self.sounds.read(self.files[rng.integers(len(self.files))]), samples, rng)
            part = np.resize(part, samples) if len(part) < samples else part
            if rng.random() < 0.5:
                part = apply_random_equaliser(part, rng, bumps=2, depth_db=6).astype(np.float32)
            out += scale_to_rms(part, 0.1) * np.float32(1.0 if index == 0 else 10 ** (rng.uniform(-15, 0) / 20))
        return out


def _part(samples: np.ndarray, most: int, rng: Rng) -> np.ndarray:
    start = int(rng.integers(len(samples) - most + 1)) if len(samples) > most else 0
    return np.asarray(samples[start : start + most], np.float32)


def _decode_once(path: Path, cache: Path, progress: Progress) -> Path:
    status = path.stat()
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}".encode("utf-8", "surrogateescape")
    target = cache / f"{hashlib.sha256(key).hexdigest()[:24]}.npy"
    if not is_file(target):
        quiet = Progress(check=progress.check)
        samples = to_mono(resample(decode_audio(path, progress=quiet), SAMPLE_RATE, quiet)).numpy()[0]
        if len(samples) < _SHORTEST_S * SAMPLE_RATE or float(np.abs(samples).max()) < _SILENT:
            raise InputError(f"expected at least {_SHORTEST_S} s of sound, got a shorter or silent file; remove it.")
        with atomic_write(target) as partial:
            np.save(partial, np.clip(samples, -8, 8).astype(np.float16))
    return target
