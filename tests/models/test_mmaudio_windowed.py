"""Tests of MultiDiffusion windows: equal to one pass where they agree, no gaps."""

import pytest
import torch

from deepsound.models.mmaudio.flow_matching import Field, euler
from deepsound.models.mmaudio.windowed import LatentWindow, WindowedState, sample_windows, window_weights

WINDOWS = [LatentWindow(0, 40, 0, 10), LatentWindow(30, 70, 10, 10), LatentWindow(60, 100, 10, 0)]


def pull(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """A field that is the same everywhere, whatever the window."""
    return 0.7 - 0.5 * state + time


def noise() -> torch.Tensor:
    return torch.randn(1, 100, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def sampled(windows: list[LatentWindow], fields: list[Field], begin: torch.Tensor, steps: int) -> torch.Tensor:
    state = WindowedState(0, 0, begin, torch.zeros_like(begin))
    return sample_windows(windows, lambda index: fields[index], state, steps, lambda _: None)


def test_a_field_that_is_the_same_in_all_windows_gives_what_one_pass_gives():
    whole = euler(pull, noise(), 5)
    torch.testing.assert_close(sampled(WINDOWS, [pull] * 3, noise(), 5), whole)


def test_one_window_over_everything_is_one_pass():
    assert torch.equal(sampled([LatentWindow(0, 100)], [pull], noise(), 5), euler(pull, noise(), 5))


def test_where_windows_disagree_the_velocity_goes_over_in_even_steps():
    fields = [lambda state, time: torch.zeros_like(state), *[lambda state, time: torch.ones_like(state)] * 2]
    # One step from zeros adds the velocity itself.
    velocity = sampled(WINDOWS, fields, torch.zeros_like(noise()), 1)[0, :, 0]
    assert torch.equal(velocity[:30], torch.zeros(30, dtype=torch.float64))
    assert torch.equal(velocity[40:], torch.ones(60, dtype=torch.float64))
    steps = velocity[29:41].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, 1 / 11), rtol=0, atol=1e-6)


def test_overlapping_weights_add_up_to_one():
    total = torch.zeros(100)
    for window in WINDOWS:
        total[window.start : window.stop] += window_weights(window, torch.device("cpu"), torch.float32)
    torch.testing.assert_close(total, torch.ones(100))


def test_windows_with_a_cut_between_them_do_not_touch_each_other():
    windows = [LatentWindow(0, 50), LatentWindow(50, 100)]
    both = sampled(windows, [pull, lambda state, time: 2 * pull(state, time)], noise(), 5)
    assert torch.equal(both[:, :50], euler(pull, noise()[:, :50], 5))


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ([LatentWindow(0, 40), LatentWindow(50, 100)], "latent 40 of 100 is in no window"),
        ([LatentWindow(0, 101)], "where there are 100"),
        ([LatentWindow(5, 5)], "where there are 100"),
    ],
)
def test_windows_that_leave_gaps_or_reach_too_far_are_refused(windows, words):
    with pytest.raises(ValueError, match=words):
        sampled(windows, [pull] * len(windows), noise(), 1)
