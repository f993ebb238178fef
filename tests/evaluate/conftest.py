"""Fixtures: fake extractors and miniature networks of the evaluation."""

import pytest

from tests.evaluate import fakes as fake_networks


@pytest.fixture
def fakes(monkeypatch):
    """Quick extractors in the place of all networks."""
    return fake_networks.use(monkeypatch)
