"""Tests of DIS optical flow with OpenCV and without: known shifts, unchanged impacts."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest

from deepsound.errors import EngineError
from deepsound.generate.draft.camera import common_similarity
from deepsound.generate.draft.dense_flow import DenseFlow
from deepsound.generate.draft.impact_selection import plan_impacts
from tests.generate import scenes
from tests.generate.draft.test_impact_detection import watch_scene
from tests.generate.onsets import matched
from tests.generate.scenes import Look

HERE = (pytest.param(True, id="opencv"), pytest.param(False, id="numpy"))


def texture(shift: tuple[float, float]) -> np.ndarray:
    """Waves in all directions, moved by `shift` pixels, uint8 [90, 160]."""
    ys, xs = np.mgrid[:90, :160].astype(float)
    xs, ys = xs - shift[0], ys - shift[1]
    waves = [np.sin(0.31 * xs + 0.12 * ys), np.sin(0.17 * ys - 0.23 * xs + 1), np.sin(0.41 * ys + 0.05 * xs + 2)]
    return (127 + 40 * sum(waves)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("opencv", HERE)
@pytest.mark.parametrize("fine", [True, False])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -0.7), (-4.0, 3.0), (6.0, 0.0)])
def test_a_shifted_picture_is_followed(opencv, fine, shift):
    flow = DenseFlow(fine, opencv).measure(texture((0, 0)), texture(shift))
    assert flow.shape == (90, 160, 2) and flow.dtype == np.float32
    inner = flow[12:-12, 12:-12]
    assert np.abs(np.median(inner, axis=(0, 1)) - shift).max() < 0.2
    assert np.percentile(np.abs(inner - np.float32(shift)), 90) < 0.5


def test_brightness_alone_is_no_motion_without_opencv():
    picture = texture((0, 0)) // 2
    assert np.abs(DenseFlow(True, opencv=False).measure(picture, picture + 40)).max() < 0.05


def test_pictures_without_texture_do_not_move_without_opencv():
    flat = np.full((90, 160), 80, np.uint8)
    assert np.abs(DenseFlow(True, opencv=False).measure(flat, flat)).max() == 0


@pytest.mark.parametrize("size", [(32, 32), (32, 200), (33, 47)])
def test_small_and_narrow_pictures_are_measured_without_opencv(size):
    noise = np.random.default_rng(0).integers(0, 255, size).astype(np.uint8)
    for fine in (True, False):
        assert np.isfinite(DenseFlow(fine, opencv=False).measure(noise, noise)).all()


@pytest.mark.parametrize("opencv", [None, object()], ids=["none", "another module of that name"])
def test_a_missing_or_broken_opencv_is_done_without(monkeypatch, opencv):
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    assert np.isfinite(DenseFlow(fine=True).measure(texture((0, 0)), texture((1, 0)))).all()
    with pytest.raises(EngineError, match="install opencv-python-headless"):
        DenseFlow(fine=True, opencv=True)


def test_impacts_are_found_without_opencv(monkeypatch):
    """0.3.0 could not be imported without OpenCV."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    scene = scenes.bouncing_ball(Look(Fraction(24), (320, 240), "textured", 251), 1.6)
    found = np.array([impact.time_s for impact in plan_impacts(watch_scene(scene))])
    assert matched(found, scene.hits_s, 0.02) == len(scene.hits_s) == len(found) > 0


def test_the_camera_is_what_most_points_share():
    draws = np.random.default_rng(3)
    points = draws.uniform(0, 160, (300, 2)).astype(np.float32)
    turn, zoom = 0.02, 1.01
    matrix = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = points @ matrix.T + [3.0, -2.0] + draws.normal(0, 0.05, points.shape)
    moved[:120] += draws.uniform(-30, 30, (120, 2))
    ((a, b), slide), follows = common_similarity(points, moved)
    assert (a, b) == pytest.approx((zoom * np.cos(turn), zoom * np.sin(turn)), abs=5e-4)
    assert slide == pytest.approx([3.0, -2.0], abs=0.06)
    assert follows[120:].all() and follows[:120].mean() < 0.05
