"""How a long clip is divided: covered once, joined by overlaps or at cuts, never in slivers."""

import itertools

import pytest

from deepsound.errors import InputError
from deepsound.media.windows import WindowPlan, plan_windows


def edges(duration_s: float, cuts=(), plan: WindowPlan | None = None) -> list[tuple[float, float, bool]]:
    return [
        (each.span.start_s, each.span.end_s, each.starts_at_cut)
        for each in plan_windows(duration_s, cuts, plan or WindowPlan())
    ]


def test_a_clip_of_twelve_seconds_is_one_window_and_a_longer_one_is_not():
    assert edges(12.0) == [(0.0, 12.0, False)]
    assert edges(14.0) == [(0.0, 8.0, False), (6.0, 14.0, False)]


def test_windows_overlap_by_two_seconds_and_the_last_one_ends_with_the_clip():
    assert edges(26.0) == [(0.0, 8.0, False), (6.0, 14.0, False), (12.0, 20.0, False), (18.0, 26.0, False)]
    assert edges(21.0)[-1] == (12.0, 21.0, False)


def test_an_edge_moves_to_a_cut_within_a_second_and_nothing_overlaps_there():
    assert edges(20.0, [7.3]) == [(0.0, 7.3, False), (7.3, 15.3, True), (13.3, 20.0, False)]


def test_a_cut_farther_away_moves_nothing():
    assert edges(14.0, [3.0, 10.0]) == edges(14.0)


def test_the_nearer_of_two_cuts_is_taken():
    assert edges(20.0, [7.1, 8.4])[0] == (0.0, 8.4, False)


@pytest.mark.parametrize("duration_s", [12.01, 13.0, 13.99, 15.7, 60.0, 179.97, 3600.0])
@pytest.mark.parametrize("cuts", [(), (7.5, 16.0, 30.2), tuple(index * 0.6 for index in range(1, 6000))])
def test_every_instant_is_in_a_window_and_none_is_a_sliver_or_too_long(duration_s, cuts):
    windows = plan_windows(duration_s, [cut for cut in cuts if cut < duration_s])
    assert windows[0].span.start_s == 0.0
    assert windows[-1].span.end_s == duration_s
    for before, after in itertools.pairwise(windows):
        overlap_s = before.span.end_s - after.span.start_s
        assert overlap_s == 0.0 if after.starts_at_cut else overlap_s == pytest.approx(2.0)
    assert all(2.0 <= each.span.duration_s <= 10.0 + 1e-9 for each in windows)


def test_a_window_of_nothing_asks_for_one():
    assert edges(100.0, plan=WindowPlan(window_s=0.0, overlap_s=0.0, snap_s=0.0, shortest_s=0.0)) == [
        (0.0, 100.0, False)
    ]


@pytest.mark.parametrize(
    "plan", [{"window_s": 3.0}, {"window_s": float("nan")}, {"overlap_s": -1.0}, {"window_s": 1.0}]
)
def test_windows_that_cannot_be_are_refused(plan):
    with pytest.raises(InputError, match=r"[Ww]indow"):
        WindowPlan(**plan)


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_duration_that_is_none_is_refused(duration_s):
    with pytest.raises(InputError, match="more than 0 seconds"):
        plan_windows(duration_s)
