"""The fake engines are at hand in every test of the pipeline."""

import pytest


@pytest.fixture(autouse=True)
def with_fake_engines(fake_engines: type) -> None:
    """Every test here may name the fake engines."""
