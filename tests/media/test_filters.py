"""Recursive filters and convolution against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from deepsound.media.filters import (
    Biquad,
    RecursiveFilter,
    convolve,
    filtered,
    first_order_bandpass,
    first_order_highpass,
    high_shelf,
    highpass,
    lowpass,
)

RATE = 44_100
# Two poles within 0.004 of 1, a high-pass at 30 Hz, make of a double's rounding of 1e-16 some 1e-16 / 0.004 ** 2, and
# there are as many roundings as samples in the 250 that they remember: 2e-9 at most, 1e-11 as it comes out.
ROUNDING = 1e-10
DESIGNS = {
    "first-order high-pass": (first_order_highpass(20, RATE), signal.butter(1, 20, "highpass", fs=RATE, output="sos")),
    "first-order band-pass": (
        first_order_bandpass(200, 4500, RATE),
        signal.butter(1, [200, 4500], "bandpass", fs=RATE, output="sos"),
    ),
    "low-pass": (lowpass(1800, RATE), signal.butter(2, 1800, fs=RATE, output="sos")),
    "high-pass": (highpass(30, RATE), signal.butter(2, 30, "highpass", fs=RATE, output="sos")),
}


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def rows_of(*sections: Biquad) -> np.ndarray:
    return np.array([[each.b0, each.b1, each.b2, 1, each.a1, each.a2] for each in sections])


@pytest.mark.parametrize("name", DESIGNS)
def test_butterworths_filters_are_scipys(name):
    ours, theirs = DESIGNS[name]
    for sound in (noise(2, 30_000), noise(5_000)):
        expected = signal.sosfilt(theirs, sound)
        assert filtered(sound, ours).shape == sound.shape
        assert np.abs(filtered(sound, ours) - expected).max() < ROUNDING


@pytest.mark.parametrize("cuts", [(), (1,), (31, 32, 33), (0, 1000, 1000, 17_123)], ids=str)
def test_a_sound_in_parts_is_filtered_as_in_one(cuts):
    """A part that is no whole number of blocks hands on its state, as does an empty one."""
    sections = high_shelf(1500, RATE, 4.0), highpass(38, RATE, 0.5)
    sound = noise(2, 20_001)
    chain = RecursiveFilter(sections, rows=2)
    made = np.concatenate([chain(part) for part in np.split(sound, cuts, axis=1)], axis=1)
    assert np.abs(made - signal.sosfilt(rows_of(*sections), sound)).max() < ROUNDING


def test_a_shelf_lifts_what_is_above_it():
    frequency_hz, answer = signal.sosfreqz(rows_of(high_shelf(1500, RATE, 4.0)), [20, 15_000], fs=RATE)
    assert np.allclose(20 * np.log10(np.abs(answer)), [0, 4], atol=0.05), frequency_hz


@pytest.mark.parametrize("lengths", [(1, 1), (1, 700), (65_536, 12_348), (100, 3)])
def test_convolution_is_scipys(lengths):
    one, other = noise(1, lengths[0]), noise(2, lengths[1])
    expected = signal.oaconvolve(one, other, axes=1)
    assert convolve(one, other).shape == expected.shape
    assert np.abs(convolve(one, other) - expected).max() < 1e-10  # sums of up to 12,348 products
