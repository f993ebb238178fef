"""The fake engines, and no weights, are at hand in every test of the pipeline."""

import pytest


@pytest.fixture(autouse=True)
def with_fake_engines(fake_engines: type, nothing_at_hand: None) -> None:
    """Every test here may name the fake engines, and `auto` finds no weights of this machine or of other tests."""
