"""Fixtures: MMAudio's tiny weights as files, and a short clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.generate.mmaudio import tiny


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published_16k(tmp_path_factory.mktemp("published"))
