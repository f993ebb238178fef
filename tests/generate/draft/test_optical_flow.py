"""Tests of the fine flow: the foreground's cut-out, pictures in several sizes."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest

from deepsound.generate.draft import optical_flow
from deepsound.generate.draft.camera import bounding_box, choose, is_rest, rest
from deepsound.generate.draft.dense_flow import DenseFlow
from deepsound.generate.draft.optical_flow import GRID_PIXELS, LEAST_LONG_SIDE, LEAST_SHORT_SIDE, Flow, FlowMeter


def frames(shape: tuple[int, int], count: int = 12) -> list[np.ndarray]:
    """A textured square that goes right by 2 pixels a frame over noise, uint8 [h, w] each."""
    rng = np.random.default_rng(3)
    backdrop, square = rng.integers(90, 110, shape), rng.integers(150, 250, (18, 18))
    pictures = []
    for index in range(count):
        picture = backdrop.copy()
        picture[12:30, 10 + 2 * index : 28 + 2 * index] = square
        pictures.append(picture.astype(np.uint8))
    return pictures


def flows_of(pictures: list[np.ndarray]) -> list[Flow]:
    meter = FlowMeter()
    return [
        meter.measure(before, after, index / 25, (index + 1) / 25)
        for index, (before, after) in enumerate(pairwise(pictures))
    ]


@pytest.mark.parametrize("shape", [(120, 160), (160, 90)])
def test_a_cut_out_foreground_moves_as_in_the_whole_picture(shape, monkeypatch):
    cut_out = flows_of(frames(shape))
    monkeypatch.setattr(optical_flow, "MOST_CUT_OUT", 0.0)
    whole = flows_of(frames(shape))
    for one, other in list(zip(cut_out, whole, strict=True))[4:]:
        moving = (one.moving > 0) & (other.moving > 0)
        assert moving.sum() > 200 and (one.moving != other.moving).mean() < 0.01
        assert np.abs(one.shift[moving] - other.shift[moving]).mean() < 0.1
        assert np.percentile(one.shift[moving][:, 0], 90) == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("shape", [(120, 160), (160, 90), (160, 160), (32, 60)])
def test_cut_outs_hold_the_foreground_on_the_grid_with_all_levels(shape):
    rng = np.random.default_rng(0)
    for _ in range(200):
        present = np.zeros(shape, np.uint8)
        top, left = rng.integers(0, shape[0] - 4), rng.integers(0, shape[1] - 4)
        present[top : top + rng.integers(1, 40), left : left + rng.integers(1, 40)] = 1
        box = optical_flow._foreground_box(present)
        assert present[box].sum() == present.sum()
        assert all(part.start % GRID_PIXELS == 0 and part.stop <= side for part, side in zip(box, shape, strict=True))
        sides = sorted(part.stop - part.start for part in box)
        assert sides[0] >= min(LEAST_SHORT_SIDE, *shape) and sides[1] >= min(LEAST_LONG_SIDE, max(shape))


def test_flows_of_changing_sizes_are_those_of_each_size_alone():
    """One object of OpenCV's reads with another size what this has left in its buffers, or beyond them."""
    pytest.importorskip("cv2", reason="OpenCV is a development extra")
    shared = DenseFlow(fine=True)
    for number, shape in enumerate([(120, 160), (64, 96), (96, 112), (48, 96), (120, 112), (64, 128)] * 3):
        was, now = frames(shape, 2)
        guess = np.full((*shape, 2), 2, np.float32) if number % 2 else None
        alone = DenseFlow(fine=True).measure(was, now, guess)
        assert np.array_equal(shared.measure(was, now, guess), alone)


def test_vectors_are_chosen_in_pairs():
    one, other = np.random.default_rng(0).normal(size=(2, 5, 7, 2)).astype(np.float32)
    mask = np.arange(35).reshape(5, 7) % 3 == 0
    assert np.array_equal(choose(mask, one, other), np.where(mask[..., None], one, other))


def test_edges_are_read_in_the_moving_part_alone_to_the_same_bits():
    picture = np.full((90, 160), 40, np.uint8)
    picture[:, ::16] = picture[::20] = 200
    for box in ((slice(20, 31), slice(30, 58)), (slice(0, 5), slice(0, 160)), (slice(80, 90), slice(150, 160))):
        motion = np.zeros((90, 160, 2), np.float32)
        motion[box] = np.random.default_rng(1).normal(size=motion[box].shape)
        tensor = optical_flow.structure(picture, optical_flow.STRAIGHT_WINDOW)
        straight = tensor.is_straight(optical_flow.STRAIGHT) & motion.any(axis=-1)
        across = tensor.across(straight)
        expected = motion.copy()
        expected[straight] = (motion[straight] * across).sum(axis=-1, keepdims=True) * across
        assert straight.any() and np.array_equal(optical_flow._normal_to_edges(picture, motion), expected)


def test_the_fastest_pixel_arrives_last_as_by_a_stable_sort():
    speed = np.random.default_rng(0).integers(0, 12, (40, 60)).astype(np.float32) / 4
    moving = np.flatnonzero(speed > optical_flow.FASTER_THAN_REST_PIXELS)
    expected = moving[np.argsort(speed.ravel()[moving], kind="stable")]
    assert np.array_equal(optical_flow._slow_to_fast(speed), expected)


def test_a_resting_camera_is_known_without_a_look_and_by_one():
    still = rest(30, 40)
    assert is_rest(still) and is_rest(np.zeros((30, 40, 2), np.float32)) and not is_rest(still + np.float32(0.01))
    with pytest.raises(ValueError, match="read-only"):
        still[0, 0] = 1


@pytest.mark.parametrize("has_opencv", [True, False])
def test_a_mask_s_bounding_box_is_the_same_with_and_without_opencv(has_opencv, monkeypatch):
    if not has_opencv:
        monkeypatch.setitem(sys.modules, "cv2", None)
    mask = np.zeros((30, 40), np.float32)
    mask[5, 7], mask[12, 30] = 1, 0.5
    assert bounding_box(mask, 0) == (slice(5, 13), slice(7, 31))
    assert bounding_box(mask != 0, 6) == (slice(0, 19), slice(1, 37))
