"""Tests of scene-cut detection: real cuts found, none in motion, noise or stills."""

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from deepsound.media.clip import Clip
from deepsound.media.scene_cuts import SceneCuts, hsv

SCENES = ((200, 40, 40), (40, 180, 60), (50, 60, 220), (230, 220, 210))


def scenes_of(frames_each: int) -> Callable[[int], np.ndarray]:
    def paint(index: int) -> np.ndarray:
        picture = np.empty((48, 64, 3), np.uint8)
        picture[:] = SCENES[index // frames_each % len(SCENES)]
        picture[:, 2 * index % 64 : 2 * index % 64 + 6] = 128
        return picture

    return paint


def cuts_of(path: Path) -> list[float]:
    return [round(cut, 3) for cut in Clip.open(path).view(SceneCuts())]


def test_rendered_cuts_are_found_at_their_frames(make_video):
    assert cuts_of(make_video(paint=scenes_of(20), fps=20, seconds=4.0)) == [1.0, 2.0, 3.0]


def test_a_clip_window_counts_cuts_from_its_own_start(make_video):
    video = make_video(paint=scenes_of(20), fps=20, seconds=4.0)
    assert [round(cut, 3) for cut in Clip.open(video, start_s=0.3, duration_s=2.0).view(SceneCuts())] == [0.7, 1.7]


def test_motion_and_a_still_picture_are_no_cuts(make_video):
    assert cuts_of(make_video("moving.mp4", fps=20, seconds=2.0)) == []
    assert cuts_of(make_video("still.mp4", paint=lambda index: np.full((48, 64, 3), 90, np.uint8))) == []


def test_a_cut_in_every_frame_is_one_cut_per_scene_length(make_video):
    found = cuts_of(make_video(paint=scenes_of(1), fps=20, seconds=3.0))
    assert all(second - first >= 0.6 - 1e-9 for first, second in pairwise([0.0, *found]))
    assert 3 <= len(found) <= 5


def test_colours_have_the_hue_opencv_gives_them():
    picture = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128], [255, 255, 0], [0, 0, 0]]], np.uint8)
    expected = [[0, 255, 255], [60, 255, 255], [120, 255, 255], [0, 0, 128], [30, 255, 255], [0, 0, 0]]
    assert hsv(picture)[0].tolist() == expected


@pytest.mark.skipif(importlib.util.find_spec("scenedetect") is None, reason="needs scenedetect-headless (extra test)")
def test_pyscenedetect_finds_the_same_cuts(make_video):
    from scenedetect import ContentDetector, detect

    video = make_video(paint=scenes_of(25), fps=25, seconds=4.0)
    theirs = [round(scene[0].seconds, 3) for scene in detect(str(video), ContentDetector())][1:]
    assert cuts_of(video) == theirs == [1.0, 2.0, 3.0]
