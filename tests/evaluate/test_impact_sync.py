"""The ranking form of AV-Align on rendered scenes whose impact times are known."""

import sys

import numpy as np
import pytest

from deepsound.evaluate.impact_sync import count_pairs, impact_sync, strong_onsets_s
from deepsound.media.clip import Clip
from deepsound.media.motion_impulse import ImpulseCurve, MotionImpulses, impact_times_s
from deepsound.types import Audio
from tests.generate import scenes
from tests.rank.impacts import hits

LOOK = scenes.Look(size=(192, 144), seed=1)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """rendered(make, look, seconds): the scene and its impacts as seen."""
    folder = tmp_path_factory.mktemp("scenes")

    def make(scene, look=LOOK, seconds=4.0):
        film = scene(look, seconds)
        clip = Clip.open(film.write(folder / f"{film.name}{look.seed}.mp4".replace(" ", "_")))
        return film, clip, impact_times_s(clip.view(MotionImpulses()))

    return make


@pytest.mark.parametrize("scene", scenes.IMPACTS)
def test_impacts_are_seen_and_shifted_sound_scores_nothing(rendered, scene):
    film, clip, impacts_s = rendered(scene)
    fps = clip.timeline.fps
    assert impact_sync(hits(film.hits_s, clip.duration_s), impacts_s, fps).score >= 0.9
    # No multiple of the time between two strokes of a drum.
    for shift_s in (0.1, 0.2, -0.12):
        shifted = [time_s + shift_s for time_s in film.hits_s]
        assert impact_sync(hits(shifted, clip.duration_s), impacts_s, fps).score <= 0.1


# Measured on rendered scenes at 30 frames a second: impulses and momenta, and which of the frames, if any, is a blow.
CURVES = {
    "a box comes in from above": (
        [0.08, 0.01, 0.19, 0.09, 0.22, 0.54, 0.33, 0.04, 0.06, 0.05, 0.08],
        [0.39, 0.37, 0.54, 0.41, 0.69, 0.64, 0.87, 0.67, 0.88, 0.97, 1.01],
        [],
    ),
    "a hammer falls, too fast for the flow": (
        [0.06, 0.04, 0.14, 0.4, 0.9, 0.95, 1.27, 0.18, 0.03, 0.1, 0.05],
        [0.43, 0.93, 1.62, 2.38, 2.8, 2.11, 1.17, 0.17, 0.03, 0.12, 0.03],
        [6],
    ),
    "a hammer has been raised": (
        [0.1, 0.18, 0.1, 0.24, 0.29, 0.25, 0.24, 0.36, 0.07],
        [1.17, 1.19, 1.04, 1.0, 0.82, 0.55, 0.32, 0.13, 0.44],
        [],
    ),
}


@pytest.mark.parametrize("what", CURVES)
def test_fast_blows_are_impacts_and_slowing_down_and_coming_in_are_none(what):
    impulse, momentum, blows = CURVES[what]
    times_s = np.arange(len(impulse)) / 30
    found_s = impact_times_s(ImpulseCurve(times_s, np.array(impulse), np.array(momentum)))
    assert list(found_s) == [times_s[frame] for frame in blows]


@pytest.mark.parametrize("scene", [scenes.still, scenes.wheel, scenes.clouds])
def test_what_stands_still_or_moves_steadily_has_no_impacts(rendered, scene):
    grainy = scenes.Look(size=(192, 144), seed=2, grain=3.0)
    _, clip, impacts_s = rendered(scene, grainy, 2.0)
    found = impact_sync(hits([0.5, 1.2], clip.duration_s), impacts_s, clip.timeline.fps)
    assert (found.onsets, found.impacts, found.score) == (2, 0, 0.0)


def test_impacts_are_seen_without_opencv(rendered, monkeypatch):
    scene, clip, _ = rendered(scenes.bouncing_ball)
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert len(impact_times_s(Clip.open(clip.path).view(MotionImpulses()))) == len(scene.hits_s)


def test_cuts_and_clips_of_one_frame_have_no_impacts(make_video):
    def noise(index):
        return np.random.default_rng(index // 5).integers(0, 255, (48, 64, 3)).astype(np.uint8)

    cuts = Clip.open(make_video("cuts.mp4", seconds=2.0, paint=noise))
    assert not len(impact_times_s(cuts.view(MotionImpulses())))
    single = Clip.open(make_video("single.mp4", seconds=0.1))
    assert not len(impact_times_s(single.view(MotionImpulses())))


def test_noise_that_neither_rises_nor_falls_has_no_onsets(noise, tone):
    assert not len(strong_onsets_s(noise(4.0, 44100)))
    assert not len(strong_onsets_s(Audio.from_numpy(np.zeros((1, 44100)), 44100)))
    assert not len(strong_onsets_s(Audio.from_numpy(np.zeros((1, 0)), 44100)))


def test_onsets_are_timed_within_a_hop():
    known_s = np.arange(0.3, 9.0, 0.437)
    found_s = strong_onsets_s(hits(known_s, 9.5))
    # The detector's step is 512 / 22050 = 23 ms, and a few of the frames around a hit are equally loud.
    assert len(found_s) == len(known_s) and np.abs(found_s - known_s).max() < 0.0233


def test_pairs_are_one_to_one_and_as_many_as_there_can_be():
    assert count_pairs([1.0, 1.01, 1.02], [1.0], 0.045) == 1
    assert count_pairs([1.0, 1.04], [0.96, 1.0], 0.045) == 2
    assert count_pairs([], [1.0], 0.045) == count_pairs([1.0], [], 0.045) == 0
    rng = np.random.default_rng(0)
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    for _ in range(50):
        one, other = (np.sort(rng.uniform(0, 1, size)) for size in (9, 7))
        near = csr_matrix(np.abs(one[:, None] - other[None]) <= 0.045)
        assert count_pairs(one, other, 0.045) == (maximum_bipartite_matching(near) >= 0).sum()
