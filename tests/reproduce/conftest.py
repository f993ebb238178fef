"""A rendered set of clips whose voices are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.render_test_set import Truth, render


@pytest.fixture(scope="session")
def known_set(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Truth]]:
    """Six clips of 1.5 s: two without a voice, three with one over a background, one with a voice alone."""
    folder = tmp_path_factory.mktemp("known")
    return folder, render(folder, clips=6, seconds=1.5, seed=2)
