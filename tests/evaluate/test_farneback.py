"""Tests of Farneback's optical flow against OpenCV's and known shifts."""

from __future__ import annotations

import numpy as np
import pytest

from deepsound.evaluate.farneback import farneback_flow
from tests.generate.draft.test_dense_flow import texture


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -0.7), (-4.0, 3.0)])
def test_the_flow_is_opencvs(shift):
    """Sums in another order: 1e-3 pixels where the picture is smooth and nothing lies on a rounding's edge."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV, whose flow is compared with, is a development extra")
    before, after = texture((0, 0)), texture(shift)
    expected = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    assert np.abs(farneback_flow(before, after) - expected).max() < 1e-3


@pytest.mark.parametrize("size", [(33, 200), (64, 65)])
def test_the_flow_is_opencvs_at_borders_and_in_small_pictures_too(size):
    cv2 = pytest.importorskip("cv2", reason="OpenCV, whose flow is compared with, is a development extra")
    picture = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)
    expected = cv2.calcOpticalFlowFarneback(picture, picture, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    assert np.abs(farneback_flow(picture, picture) - expected).max() < 1e-3
