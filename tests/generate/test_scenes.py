"""Tests of the rendered scenes themselves: what their known impacts are."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.generate import more_scenes, random_scenes, thrown_balls, varied_people, varied_quiet, varied_things
from tests.generate.scenes import Look, aspect_of

LOOK = Look(Fraction(2), (64, 48), "flat", 901)


def test_steps_beyond_the_picture_are_not_among_those_to_be_found():
    """Of a walker's 34 steps in the onset table 18 were taken after the walker had left the picture."""
    scene = more_scenes.walker(LOOK, 6.0)
    rng = np.random.default_rng(LOOK.seed)
    step_s, stride = rng.uniform(0.5, 0.62), rng.uniform(0.3, 0.36)
    steps = np.arange(step_s, 6.0, step_s)
    assert sorted(scene.hits_s + scene.beyond_s) == pytest.approx(steps)
    last = round(max(scene.hits_s) / step_s)
    assert -0.1 + stride * (last + 1) + 0.1 < aspect_of(LOOK) < -0.1 + stride * (last + 2) + 0.1


def test_bounces_of_a_ball_that_the_camera_has_left_behind_are_not_among_those_to_be_found():
    scenes = [more_scenes.panned_ball(replace(LOOK, seed=seed), 6.0) for seed in range(901, 907)]
    assert any(scene.beyond_s for scene in scenes)
    assert all(scene.hits_s and not set(scene.hits_s) & set(scene.beyond_s) for scene in scenes)


@pytest.mark.parametrize(
    "make",
    [
        *varied_people.IMPACTS,
        *varied_things.IMPACTS,
        *varied_quiet.QUIET,
        random_scenes.strider,
        thrown_balls.thrown_balls,
    ],
    ids=lambda make: make.__name__,
)
def test_varied_scenes_have_pictures_and_their_impacts_in_order(make):
    for seed in (1, 2, 3):
        scene = make(replace(LOOK, seed=seed), 4.0)
        times_s = np.array(scene.hits_s)
        assert len(list(scene.frames())) == 8
        assert (np.diff(times_s) >= 0).all() and ((times_s > 0) & (times_s < 4)).all()
        assert (len(scene.hits_s + scene.beyond_s) == 0) == (make in varied_quiet.QUIET)


@pytest.mark.parametrize("make", [random_scenes.mechanism, random_scenes.struck_blocks], ids=lambda make: make.__name__)
def test_random_scenes_have_strokes_that_hit_and_such_that_do_not(make):
    counts = []
    for seed in range(12):
        scene = make(replace(LOOK, seed=seed), 4.0)
        assert len(list(scene.frames())) == 8
        assert list(scene.hits_s) == sorted(scene.hits_s) and all(0 < hit < 4 for hit in scene.hits_s)
        counts.append(len(scene.hits_s))
    assert len(set(counts)) > 3


def test_a_stroke_arrives_fast_where_it_hits_and_gently_where_it_stops():
    for ends_in, is_fast in (("hit", True), ("stop", False), ("back", False)):
        stroke = random_scenes.Stroke(0.0, 0.5, 0.2, 0.4, 0.1, 2.0, 0.0, ends_in)
        speed = (stroke.share(0.4999) - stroke.share(0.49)) / 0.0099
        assert (speed > 3) == is_fast
        assert stroke.share(0.5) == pytest.approx(1.0) and stroke.share(1.1) == pytest.approx(0.0, abs=1e-9)
