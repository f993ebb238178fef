"""Clips with known sounds for reproductions, and engines whose behaviour a test decides."""

from tests.pipeline.conftest import fake_engines  # noqa: F401
