from pathlib import Path

import numpy as np
import pytest

from deepsound.media.wav import write_wav
from deepsound.types import Audio
from tests.evaluate import fakes as fake_networks
from tests.material import speech  # noqa: F401 - the fixture is used by being here

RATE = 16000


@pytest.fixture
def fakes(monkeypatch):
    """Quick extractors in the place of all networks."""
    return fake_networks.use(monkeypatch)


@pytest.fixture
def sounds():
    """sounds(folder, names, seconds=1.0, seed=0): noise in a WAV for each name, each another one."""

    def make(folder: Path, names, seconds: float = 1.0, seed: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            samples = np.random.default_rng([seed, number]).normal(scale=0.1, size=(1, round(seconds * RATE)))
            write_wav(Audio.from_numpy(samples, RATE), folder / f"{name}.wav")
        return folder

    return make
