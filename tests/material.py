"""Real voices, a real face, and the sounds and pictures that are neither."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsound.types import Audio

SPOKEN = Path("/usr/share/sounds/alsa")


@pytest.fixture(scope="session")
def speech() -> Callable[..., Audio]:
    """speech(rate, start=0): Debian's eight spoken channel names in a row, mono, 48000 Hz unless `rate` says else."""
    from deepsound.media.audio import decode_audio, resample

    paths = sorted(SPOKEN.glob("*_*.wav"))
    if len(paths) < 8:
        pytest.skip(f"no spoken recordings in {SPOKEN} (apt-get install alsa-utils)")
    names = [decode_audio(path).numpy()[0] for path in paths]

    def make(rate: int = 48000, start: int = 0) -> Audio:
        ordered = names[start:] + names[:start]
        return resample(Audio.from_numpy(np.concatenate(ordered), 48000), rate)

    return make


@pytest.fixture(scope="session")
def storm(tornado: Path) -> Audio:
    """The storm clip's own sound, stereo, 44100 Hz, ten seconds."""
    from deepsound.media.audio import decode_audio

    return decode_audio(tornado, duration_s=10.0)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real photograph of a person, uint8 [512, 512, 3]; the face is about 95 pixels wide."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the photograph")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def mixed() -> Callable[[Audio, Audio, float], Audio]:
    """mixed(background, voice, decibels): the voice's RMS where it speaks stands that far above the background's."""

    def mix(background: Audio, voice: Audio, decibels: float) -> Audio:
        bed = background.numpy()
        words = voice.numpy()[0, : bed.shape[1]]
        active = np.abs(words) > 0.01 * np.abs(words).max()
        gain = 10 ** (decibels / 20) * np.sqrt((bed**2).mean() / (words[active] ** 2).mean())
        out = bed.copy()
        out[:, : len(words)] += gain * words
        return Audio.from_numpy(out, background.sample_rate)

    return mix


@pytest.fixture
def sounds() -> Callable[..., Path]:
    """sounds(folder, names, seconds=1.0, seed=0): one WAV of noise for each name, 16000 Hz, each another noise."""
    from deepsound.media.wav import write_wav

    def make(folder: Path, names: Iterable[str], seconds: float = 1.0, seed: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            samples = np.random.default_rng([seed, number]).normal(scale=0.1, size=(1, round(seconds * 16000)))
            write_wav(Audio.from_numpy(samples, 16000), folder / f"{name}.wav")
        return folder

    return make


def copied(write: Callable[..., Path], target: Path, *arguments: Any) -> Path:
    """What `write(folder, *arguments)` writes, made once in this process and copied to `target`, which it returns."""
    shutil.copytree(_made(write, *arguments).name, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
    return target


@cache
def _made(write: Callable[..., Path], *arguments: Any) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="deepsound-made-")
    write(Path(folder.name), *arguments)
    return folder
