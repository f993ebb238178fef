"""Fixtures: clips for the command line, and MMAudio's tiny weights as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deepsound.types import Audio
from tests.generate.mmaudio import tiny


@pytest.fixture
def clip(make_video: Callable[..., Path], tone: Callable[..., Audio]) -> Path:
    """A second with a tone, alone in its folder."""
    return make_video("clips/clip.mp4", seconds=1.0, audio=tone())


@pytest.fixture(scope="module")
def mmaudio_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a tiny mmaudio_small_16k."""
    return tiny.write_published_16k(tmp_path_factory.mktemp("models"))
