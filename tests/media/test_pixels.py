"""Tests of the image operations against OpenCV's, to one rounding."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from deepsound.media import pixels

cv2 = pytest.importorskip("cv2", reason="OpenCV, whose results are compared with, is a development extra")
FLOAT_ROUNDING = 1e-4  # of sums of at most 25 values up to 255 in float32


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Smooth colours over the whole range, uint8 [270, 480, 3]."""
    noise = np.random.default_rng(0).normal(size=(34, 60, 3))
    smooth = cv2.resize(noise, (480, 270), interpolation=cv2.INTER_CUBIC)
    return ((smooth - smooth.min()) / (smooth.max() - smooth.min()) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (160, 90), interpolation=cv2.INTER_AREA)


@pytest.fixture(params=[False, True], ids=["numpy", "opencv"])
def either_side(request, monkeypatch) -> None:
    """What is compared with OpenCV, computed without it and through it."""
    if not request.param:
        monkeypatch.setitem(sys.modules, "cv2", None)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape and one.dtype == other.dtype
    return float(np.abs(one.astype(np.float64) - other).max())


def kinds(small: np.ndarray) -> list[np.ndarray]:
    floats = small.astype(np.float32)
    return [small, floats, np.stack([floats, 0.5 * floats], axis=-1)]


def test_gray_is_the_same_to_the_bit(picture):
    assert apart(pixels.gray(picture), cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) == 0


@pytest.mark.parametrize("size", [(160, 90), (123, 77), (480, 100), (1, 1), (700, 400)])
def test_resizing_differs_by_one_rounding_at_most(picture, size):
    interpolation = cv2.INTER_LINEAR if size[0] > 480 else cv2.INTER_AREA
    assert apart(pixels.resize(picture, *size), cv2.resize(picture, size, interpolation=interpolation)) <= 1
    plane = np.ascontiguousarray(picture[..., 0])
    assert apart(pixels.resize(plane, *size), cv2.resize(plane, size, interpolation=interpolation)) <= 1


def test_blurs_and_gradients_are_the_same(small, either_side):
    for kind in kinds(small):
        assert apart(pixels.box_blur(kind, 5), cv2.blur(kind, (5, 5))) <= FLOAT_ROUNDING
    for sigma in (1.0, 2.0):
        for kind in kinds(small)[:2]:
            rounding = 1 if kind.dtype == np.uint8 else FLOAT_ROUNDING
            assert apart(pixels.gaussian_blur(kind, sigma), cv2.GaussianBlur(kind, (0, 0), sigma)) <= rounding
    for axis, derivative in enumerate(pixels.sobel(small)):
        assert apart(derivative, cv2.Sobel(small, cv2.CV_32F, 1 - axis, axis)) == 0


def test_masks_grow_and_are_labelled_alike(small):
    mask = (small > np.median(small)).astype(np.float32)
    assert apart(pixels.dilate(mask, 5), cv2.dilate(mask, np.ones((5, 5), np.uint8))) == 0
    count, labels = pixels.label(mask > 0)
    expected, expected_labels = cv2.connectedComponents(mask.astype(np.uint8))
    pairs = set(zip(labels.ravel().tolist(), expected_labels.ravel().tolist(), strict=True))
    assert count == expected == len(pairs)


def test_planes_are_resized_as_a_picture_of_channels_is(picture):
    floats = picture.astype(np.float32)
    planes = pixels.resize_planes(np.ascontiguousarray(np.moveaxis(floats, -1, 0)), 60, 34)
    assert apart(np.moveaxis(planes, 0, -1), pixels.resize(floats, 60, 34)) <= FLOAT_ROUNDING


def test_a_median_by_histogram_is_numpys(small):
    for picture in (small, small[:3, :5], np.array([[3]], np.uint8), np.array([[3, 8]], np.uint8), small[:, :1]):
        assert pixels.median_level(picture) == np.median(picture)


def test_labels_are_the_same_parts_with_and_without_opencv(small, monkeypatch):
    with_opencv = pixels.label(small > 128)
    monkeypatch.setitem(sys.modules, "cv2", None)
    count, labels = pixels.label(small > 128)
    pairs = set(zip(labels.ravel().tolist(), with_opencv[1].ravel().tolist(), strict=True))
    assert with_opencv[0] == count == len(pairs) and (0, 0) in pairs


def test_gaussians_with_and_without_opencv_differ_in_hardly_a_pixel(small, monkeypatch):
    """In float32 by the rounding of 17 products up to 255; in uint8 where that rounding meets a half."""
    with_opencv = pixels.gaussian_blur(small, 1.0), pixels.gaussian_blur(small.astype(np.float32), 2.0)
    monkeypatch.setitem(sys.modules, "cv2", None)
    without = pixels.gaussian_blur(small, 1.0), pixels.gaussian_blur(small.astype(np.float32), 2.0)
    assert (with_opencv[0] != without[0]).mean() < 1e-3 and apart(with_opencv[0], without[0]) <= 1
    assert apart(with_opencv[1], without[1]) <= FLOAT_ROUNDING


def test_straight_edges_are_those_whose_smaller_eigenvalue_is_small(small, either_side):
    tensor = pixels.structure(small, 11)
    clear = np.abs(tensor.smaller - 0.25 * tensor.larger) > 1e-4 * tensor.larger.max()
    assert np.array_equal(tensor.is_straight(0.25)[clear], (tensor.smaller < 0.25 * tensor.larger)[clear])


def test_sampling_differs_by_opencvs_rounding_of_places(small, either_side):
    """OpenCV rounds a place to 1/32 pixel: up to 1/64 of the steepest step along each axis, and a rounding."""
    ys, xs = np.mgrid[:90, :160].astype(np.float32)
    xs, ys = (part + np.random.default_rng(1).normal(0, 4, part.shape).astype(np.float32) for part in (xs, ys))
    steepest = max(np.abs(np.diff(small.astype(int), axis=axis)).max() for axis in (0, 1))
    for kind in kinds(small):
        expected = cv2.remap(kind, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        assert apart(pixels.sample(kind, xs, ys), expected) <= 1 + 2 * steepest / 64


def test_structure_is_opencvs_up_to_its_scale(small, either_side):
    tensor = pixels.structure(small, 11)
    larger, smaller = tensor.larger, tensor.smaller
    across = tensor.across(np.ones(small.shape, bool)).reshape(*small.shape, 2)
    eigen = cv2.cornerEigenValsAndVecs(small, 11, 3)
    scale = float(larger.max() / eigen[..., 0].max())
    assert np.abs(larger / scale - eigen[..., 0]).max() <= 1e-5 * eigen[..., 0].max()
    assert np.abs(smaller / scale - eigen[..., 1]).max() <= 1e-5 * eigen[..., 0].max()
    assert np.abs((across * eigen[..., 2:4]).sum(axis=-1)).min() > 1 - 1e-5


def test_gradients_and_dilation_are_the_same_to_the_bit_with_and_without_opencv(small, monkeypatch):
    mask = (small > 128).astype(np.float32)
    with_opencv = (*pixels.sobel(small), pixels.dilate(mask, 5))
    monkeypatch.setitem(sys.modules, "cv2", None)
    without = (*pixels.sobel(small), pixels.dilate(mask, 5))
    in_floats = pixels.sobel(small.astype(np.float32))
    assert all(np.array_equal(one, other) for one, other in zip(with_opencv, without, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(with_opencv, in_floats, strict=False))


def test_differences_do_not_wrap():
    one, other = np.array([[10, 200]], np.uint8), np.array([[20, 0]], np.uint8)
    assert pixels.absdiff(one, other).tolist() == [[10, 200]]


def test_box_blurs_and_warps_are_opencvs_where_it_is_at_hand_and_gaussians_are_not(small, monkeypatch):
    """They were scipy's everywhere for a while, which made draft's motion analysis with OpenCV slower by half.

    A Gaussian rounds alike with OpenCV 4, 5 and none: with 5's GaussianBlur two impacts of a hammer scene were missed.
    """
    used = []
    for name in ("blur", "GaussianBlur", "remap"):
        monkeypatch.setattr(cv2, name, lambda *words, _name=name, **_: used.append(_name) or words[0])
    ys, xs = np.mgrid[:90, :160].astype(np.float32)
    pixels.box_blur(small, 5)
    pixels.gaussian_blur(small, 1.0)
    pixels.sample(small, xs, ys)
    assert used == ["blur", "remap"]


def test_other_number_types_become_float32_on_either_side(small, either_side):
    ys, xs = np.mgrid[:90, :160]
    doubles = small.astype(np.float64)
    made = pixels.box_blur(doubles, 3), pixels.gaussian_blur(doubles, 1.0), pixels.sample(doubles, xs, ys)
    assert [picture.dtype for picture in made] == [np.float32] * 3
    assert np.array_equal(made[2], small)


def test_levels_and_medians_are_numpys_to_the_bit(small, either_side):
    floats = np.random.default_rng(2).normal(size=small.shape).astype(np.float32)
    assert pixels.mean_level(small) == small.mean() and pixels.mean_level(small[:7, :9]) == small[:7, :9].mean()
    assert pixels.median_level(small) == np.median(small)
    for values in (floats, floats[:33, :57], floats[:1, :1]):
        assert pixels.median(values) == np.median(values) and pixels.median(values).dtype == np.float32
