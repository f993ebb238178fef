"""Fixtures: FoleyCrafter on tiny networks in the published layout, and a clip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deepsound import engines
from deepsound.generate.foleycrafter.generator import FoleyCrafterGenerator
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.foleycrafter import tiny

QUIET = Progress()
FEW = GenerationRequest("rain", steps=1, seed=7)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(autouse=True)
def only_published(nothing_at_hand: None, published: Path) -> None:
    """Every test begins with what is written here and nothing else."""
    register_model_folders([published])


@pytest.fixture
def foley() -> FoleyCrafterGenerator:
    return engine()


@pytest.fixture
def copied(published: Path, tmp_path: Path) -> Path:
    """The files, to be spoilt."""
    models = tmp_path / "spoilt"
    shutil.copytree(published, models)
    register_model_folders([models])
    return models


@pytest.fixture(scope="session")
def base(short_video: Path, published: Path) -> Audio:
    """What FEW gives for the short clip."""
    register_model_folders([published])
    return engine().generate(Clip.open(short_video), FEW, QUIET)


def engine(**options: object) -> FoleyCrafterGenerator:
    made = engines.generator("foleycrafter", Execution(device="cpu", **options))  # type: ignore[arg-type]
    assert isinstance(made, FoleyCrafterGenerator)
    return made
