"""Tests of window plans: every latent covered, sections end at scene cuts."""

from itertools import pairwise

import pytest

from deepsound.errors import InputError
from deepsound.generate.mmaudio.window_plan import is_windowed, plan_sections, settings_for
from deepsound.generate.scene_prompts import parse_schedule
from deepsound.models.mmaudio.lengths import LATENTS_16K, LATENTS_44K
from deepsound.models.mmaudio.windowed import require_cover

CUTS = {
    "none": (),
    "some": (7.48, 16.04, 30.2),
    "every frame": tuple(index / 25 for index in range(1, 1500)),
    "every scene length": tuple(index * 0.6 for index in range(1, 100)),
}


@pytest.mark.parametrize("rate", [LATENTS_16K, LATENTS_44K], ids=["16k", "44k"])
@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("window_s", [None, 2.0, 10.0])
@pytest.mark.parametrize("duration_s", [12.04, 17.33, 60.0])
def test_all_latents_are_covered_by_windows_whose_features_exist(duration_s, window_s, cuts, rate):
    plan = settings_for(window_s)
    sections = plan_sections(duration_s, CUTS[cuts], parse_schedule("a\n3-5.5: b\n9-30: c"), rate, plan)
    assert (sections[0].start, sections[-1].stop) == (0, rate.latents(duration_s))
    for section in sections:
        require_cover([window.latent for window in section.windows], section.length)
        for window in section.windows:
            assert 0 <= window.clip[0] < window.clip[1] <= int(8 * duration_s)
            assert 0 <= window.sync[0] < window.sync[1] <= int(25 * duration_s)
            assert window.lengths.sync >= 8
    for before, after in pairwise(sections):
        # A joint of 50 ms needs 25 ms of either section beyond the cut.
        cut = after.span.start_s * rate.sample_rate
        assert rate.samples(after.start) <= cut - 0.025 * rate.sample_rate
        assert rate.samples(before.stop) >= cut + 0.025 * rate.sample_rate


def test_a_section_sees_nothing_from_beyond_its_cuts():
    first, second = plan_sections(14.0, [7.48], parse_schedule(""), LATENTS_44K, settings_for(None))
    assert first.windows[-1].clip[1] <= second.windows[0].clip[0] == 60
    assert first.windows[-1].sync[1] <= second.windows[0].sync[0] == second.first_tick == 187


def test_a_prompt_changes_over_where_no_cut_is_and_at_the_cut_where_one_is():
    prompt = parse_schedule("0-6: rain\n6-14: wind")
    (smooth,) = plan_sections(14.0, [], prompt, LATENTS_44K, settings_for(None))
    assert [(each.span.start_s, each.span.end_s, each.text) for each in smooth.windows] == [
        (0.0, 7.0, "rain"),
        (5.0, 14.0, "wind"),
    ]
    sharp = plan_sections(14.0, [6.4], prompt, LATENTS_44K, settings_for(None))
    assert [(each.span.start_s, each.span.end_s) for each in sharp] == [(0.0, 6.4), (6.4, 14.0)]


@pytest.mark.parametrize("window_s", [0.5, 61.0, float("nan"), -3.0, "8", True])
def test_windows_that_cannot_be_are_refused(window_s):
    with pytest.raises(InputError, match="window is"):
        settings_for(window_s)


def test_windows_longer_than_the_clip_and_zero_are_one_pass():
    assert not is_windowed(20.0, 30.0)
    assert not is_windowed(20.0, 0.0)
    assert not is_windowed(12.0, None)
    assert is_windowed(12.1, None)
    assert is_windowed(10.0, 8.0)
