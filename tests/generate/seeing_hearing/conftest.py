"""Fixtures: Seeing and Hearing on tiny networks in the published layout, and a scene."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from deepsound import engines
from deepsound.generate.seeing_hearing.generator import SeeingHearingGenerator
from deepsound.media.sequence import ImageSequence
from deepsound.runtime.execution import Execution
from deepsound.types import GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.aligner import tiny

FEW = GenerationRequest("rain", steps=3, seed=7)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published(tmp_path_factory.mktemp("aligned"))


@pytest.fixture(autouse=True)
def only_these(nothing_at_hand: None, models: Path) -> None:
    """Every test begins with what is written here and nothing else."""
    register_model_folders([models])


@pytest.fixture
def generator() -> SeeingHearingGenerator:
    return engine()


@pytest.fixture
def scene() -> ImageSequence:
    """1.2 s of noise at 10 fps."""
    return ImageSequence(torch.rand(12, 20, 30, 3, generator=torch.Generator().manual_seed(0)), 10.0)


def engine(**options: object) -> SeeingHearingGenerator:
    made = engines.generator("seeing_hearing", Execution(device="cpu", precision="fp32", **options))  # type: ignore[arg-type]
    assert isinstance(made, SeeingHearingGenerator)
    return made
