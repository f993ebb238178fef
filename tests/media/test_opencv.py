"""Tests of OpenCV's thread count: one inside, the host's own again afterwards."""

from __future__ import annotations

import sys

import pytest

from deepsound.media.opencv import one_opencv_thread


@pytest.fixture
def cv2():
    module = pytest.importorskip("cv2", reason="OpenCV, whose thread count is set, is a development extra")
    before = module.getNumThreads()
    module.setNumThreads(2)
    yield module
    module.setNumThreads(before)


def test_the_host_s_threads_come_back_after_an_error_and_after_the_last_of_two(cv2):
    first, second = one_opencv_thread(), one_opencv_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == 2
    with pytest.raises(ValueError, match="inside"), one_opencv_thread():
        assert cv2.getNumThreads() == 1
        raise ValueError("inside")
    assert cv2.getNumThreads() == 2


def test_without_opencv_nothing_is_set(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with one_opencv_thread():
        assert sys.modules["cv2"] is None
