"""The fake engines of the pipeline's tests."""

from tests.pipeline.conftest import fake_engines

__all__ = ["fake_engines"]
