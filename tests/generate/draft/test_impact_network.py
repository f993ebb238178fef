"""Tests of the onset network: motion in pieces, peak picking, the weights shipped."""

import hashlib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from deepsound.generate.draft.impact_detection import ImpactCandidate
from deepsound.generate.draft.impact_network import CONTEXT, WEIGHTS, OnsetScore, OnsetScorer, score_onsets
from deepsound.generate.draft.impact_selection import LEAST_STRENGTH, ImpactRule, plan_impacts
from deepsound.generate.draft.motion import MotionTrack, Movement
from deepsound.generate.draft.onset_peaks import onset_peaks
from deepsound.generate.draft.optical_flow import Flow
from tests.generate import quiet_scenes, training_scenes
from tests.generate.draft.test_impact_detection import watch_scene
from tests.generate.onsets import matched
from tests.generate.scenes import Look


def flow_of(number: int, speed: float, shape: tuple[int, int] = (48, 64)) -> Flow:
    velocity = np.full((*shape, 2), speed, np.float32)
    ones = np.ones(shape, np.float32)
    return Flow(number / 25, (number + 1) / 25, velocity, velocity, ones, ones, ones, 0.0, 1.0, is_cut=False)


def means(maps: np.ndarray, scalars: np.ndarray) -> np.ndarray:
    """In place of a network: the velocity around each interval that has its context."""
    velocity = maps[0].mean(axis=(1, 2))
    return np.convolve(velocity, np.ones(2 * CONTEXT + 1), "valid")


@pytest.mark.parametrize("count", [1, 5, 31, 32, 33, 37, 42, 43, 100])
def test_a_film_in_pieces_is_scored_as_in_one(count):
    speeds = np.random.default_rng(count).uniform(-1, 1, count)
    scorer = OnsetScorer(means)
    for number, speed in enumerate(speeds):
        scorer.add(flow_of(number, speed), Movement((number + 0.5) / 25, 0.04))
    scorer.end_scene()
    whole = np.convolve(np.pad(np.arcsinh(4 * speeds), CONTEXT, mode="edge"), np.ones(2 * CONTEXT + 1), "valid")
    assert [score.probability for score in scorer.scores] == pytest.approx(whole, abs=1e-4)
    assert [score.time_s for score in scorer.scores] == pytest.approx((np.arange(count) + 0.5) / 25)


def test_nothing_of_one_scene_is_seen_in_the_next():
    scorer = OnsetScorer(means)
    for scene, shape in ((1.0, (48, 64)), (-0.5, (64, 48))):
        for number in range(40):
            scorer.add(flow_of(number, scene, shape), Movement((number + 0.5) / 25, 0.04))
        scorer.end_scene()
    expected = [11 * np.arcsinh(4.0)] * 40 + [11 * np.arcsinh(-2.0)] * 40
    assert [score.probability for score in scorer.scores] == pytest.approx(expected, rel=1e-4)


def test_a_candidate_stands_with_its_middle_interval():
    seen = {}

    def strengths(maps, scalars):
        seen[maps.shape[1]] = scalars[8].copy()
        return np.zeros(maps.shape[1] - 2 * CONTEXT)

    scorer = OnsetScorer(strengths)
    for number in range(20):
        scorer.add(flow_of(number, 1.0), Movement((number + 0.5) / 25, 0.04))
        if number == 12:
            scorer.add_candidate(ImpactCandidate(0.42, strength=1.0), steps_ago=2)
    scorer.end_scene()
    assert list(np.flatnonzero(seen[30])) == [CONTEXT + 10]


def scores_of(*values: float, interval_s: float = 0.04) -> list[OnsetScore]:
    return [OnsetScore((number + 0.5) * interval_s, interval_s, value) for number, value in enumerate(values)]


def test_an_impact_on_the_border_of_two_intervals_is_one_peak_there():
    """Each interval alone stays below what one in the middle of an interval reaches."""
    (peak,) = onset_peaks(scores_of(0, 0.06, 0.7, 0.7, 0.06, 0), 0.9)
    assert peak.time_s == pytest.approx(0.12, abs=0.003)
    (peak,) = onset_peaks(scores_of(0, 0.25, 1.0, 0.25, 0), 0.9)
    assert peak.time_s == pytest.approx(0.10)


def test_a_peak_beside_a_gap_takes_nothing_from_beyond_it():
    before, after = scores_of(0, 0.2, 0.5), [OnsetScore(2.0, 0.04, 0.5), OnsetScore(2.04, 0.04, 0.2)]
    assert onset_peaks([*before, *after], 0.6) == ()
    assert [peak.time_s for peak in onset_peaks([*before, *after], 0.4)] == pytest.approx([0.09, 2.01], abs=0.01)


def test_slow_films_have_no_peaks():
    assert onset_peaks(scores_of(0, 1, 0, interval_s=0.5), 0.3) == ()
    assert onset_peaks([], 0.3) == ()


def test_what_the_network_alone_finds_is_placed_by_the_movement():
    movements = tuple(Movement((number + 0.5) / 25, 0.04, top_speed=1.5, area=0.1, x=0.8) for number in range(10))
    track = MotionTrack(
        0.4, movements, (ImpactCandidate(0.02),), (), tuple(scores_of(0, 0, 0, 0.2, 1, 0.2, 0, 0, 0, 0))
    )
    (impact,) = plan_impacts(track)
    assert (impact.x, impact.size, impact.speed) == (0.8, 0.1, 1.5)
    assert 0 < impact.strength < 1
    assert impact.time_s == pytest.approx(0.18)


def track_with_impacts(top_speed: float, candidates: tuple[ImpactCandidate, ...]) -> MotionTrack:
    """Things that go at 1 and stop at 0.5 s, then at `top_speed` and stop at 1.5 s; the network finds both."""
    movements = tuple(
        Movement((number + 0.5) / 25, 0.04, top_speed=(1.0 if number < 13 else top_speed) if number % 25 < 13 else 0.0)
        for number in range(50)
    )
    scores = [0.9 if number % 25 == 12 else 0.3 if number % 25 in (11, 13) else 0.0 for number in range(50)]
    return MotionTrack(2.0, movements, candidates, (), tuple(scores_of(*scores)))


def blow(time_s: float, strength: float, before: float = 1.0) -> ImpactCandidate:
    return ImpactCandidate(time_s, strength, strength, strength, before, 1.0, 1.0, 1.0, still_there=1.0)


@pytest.mark.parametrize("unmeasured", [(), (blow(1.5, 0.3, before=0.05),)], ids=["no candidate", "a vague candidate"])
def test_what_the_network_alone_finds_is_as_hard_as_it_was_fast(unmeasured):
    """Each such hit had a fifth of the hardest one's strength, 16 dB below it, however fast the thing was."""
    strengths = []
    for top_speed in (2.0, 0.5, 0.05):
        first, second = plan_impacts(track_with_impacts(top_speed, (blow(0.5, 0.5), *unmeasured)))
        assert first.strength == 1.0
        strengths.append(second.strength)
    assert strengths[0] == pytest.approx(1.0)
    assert strengths[1] == pytest.approx(0.47, abs=0.02)
    assert strengths[2] == LEAST_STRENGTH


def test_without_a_measured_impact_the_fastest_is_the_hardest():
    """A clip of impacts that only the network found was soft throughout."""
    first, second = plan_impacts(track_with_impacts(0.5, ()))
    assert first.strength == pytest.approx(1.0)
    assert second.strength == pytest.approx(0.5)


def test_a_measured_soft_impact_stays_soft_however_fast_the_thing_was():
    """A slow turn at high speed, which a candidate measured, is no hard hit."""
    _, second = plan_impacts(track_with_impacts(2.0, (blow(0.5, 0.5), blow(1.5, 0.15))))
    assert second.strength == pytest.approx(0.3)


def test_the_weights_are_those_of_the_model_card():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert f"`{digest}`" in WEIGHTS.with_name("README.md").read_text(encoding="utf-8")
    assert WEIGHTS.stat().st_size < 200_000


def test_a_picture_of_any_size_is_scored():
    for height, width in ((4, 4), (2, 20), (20, 11)):
        assert score_onsets(np.zeros((6, 12, height, width), np.float32), np.zeros((20, 12), np.float32)).shape == (2,)


LOOK = Look(Fraction(25), (320, 240), "textured", 301)


def test_two_balls_that_hit_soon_after_each_other_are_both_heard():
    """Of two things that hit within a fifth of a second the rules took the harder alone."""
    scene = training_scenes.two_balls(replace(LOOK, seed=305), 1.0)
    track = watch_scene(scene)
    found = np.array([impact.time_s for impact in plan_impacts(track)])
    assert matched(found, scene.hits_s) == len(scene.hits_s) == len(found) == 2
    assert len(plan_impacts(track, ImpactRule())) < 2


@pytest.mark.parametrize(
    "make_scene",
    [quiet_scenes.talking_head, quiet_scenes.camera_flashes, quiet_scenes.panned_wall, quiet_scenes.slides],
    ids=lambda make: make.__name__,
)
def test_heads_flashes_pans_and_slides_have_no_impacts(make_scene):
    assert plan_impacts(watch_scene(make_scene(LOOK, 2.4))) == ()
