"""Tests of splicing: exact outside the spans, no clicks, exact at the edges."""

import pytest
import torch

from deepsound.errors import InputError
from deepsound.media.splice import splice
from deepsound.types import Audio, Span

RATE = 16000


def noise(seed: int, samples: int = RATE, channels: int = 2) -> Audio:
    return Audio(torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed)) * 0.1, RATE)


def test_no_span_gives_the_outside_sound_bit_for_bit():
    coarse, other = noise(0), noise(1)
    assert torch.equal(splice(coarse, other, ()).waveform, coarse.waveform)


def test_a_span_over_everything_gives_the_inside_sound_bit_for_bit():
    coarse, other = noise(0), noise(1)
    assert torch.equal(splice(coarse, other, (Span(0.0, 1.0),)).waveform, other.waveform)


def test_samples_outside_the_spans_are_untouched_and_the_middle_is_the_inside_sound():
    coarse, other = noise(0), noise(1)
    joined = splice(coarse, other, (Span(0.25, 0.5),)).waveform
    first, last = RATE // 4, RATE // 2
    assert torch.equal(joined[:, :first], coarse.waveform[:, :first])
    assert torch.equal(joined[:, last:], coarse.waveform[:, last:])
    ramp = round(0.02 * RATE)
    middle = slice(first + ramp, last - ramp)
    assert torch.equal(joined[:, middle], other.waveform[:, middle])


@pytest.mark.parametrize("span", [Span(0.1, 0.6), Span(0.3, 0.305), Span(0.0, 0.4), Span(0.7, 1.0)])
def test_no_joint_steps_farther_than_twice_its_neighbours(span):
    at = torch.arange(RATE) / RATE
    coarse = Audio((0.5 * torch.sin(2 * torch.pi * 220 * at))[None], RATE)
    other = Audio((0.4 * torch.sin(2 * torch.pi * 220 * at + 1.0))[None], RATE)
    steps = splice(coarse, other, (span,)).waveform.diff().abs()
    # The steepest step of either sound is 0.0432; a short ramp adds the difference of both over its length.
    shortest = min(0.02, span.duration_s / 2)
    allowed = 2 * 0.0432 + 0.9 / (shortest * RATE)
    assert float(steps.max()) < allowed


def test_sounds_of_other_lengths_or_rates_are_refused():
    with pytest.raises(InputError, match="16000 samples and 16000 Hz, 2 channels, 15999 samples"):
        splice(noise(0), noise(1, RATE - 1), ())
