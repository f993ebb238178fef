"""Fixtures: a short clip for the generators that run networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsound.media.clip import Clip


@pytest.fixture
def clip(short_video: Path) -> Clip:
    return Clip.open(short_video)
