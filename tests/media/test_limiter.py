"""Tests of the true-peak limiter by independent meters, and of loudness targets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import resample_poly

from deepsound.errors import Cancelled
from deepsound.media.container import ThrottledProgress
from deepsound.media.limiter import limit
from deepsound.media.loudness import TARGET_LUFS, is_inaudible, limit_to_loudness, measure, normalise
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio

Sound = Callable[..., Audio]
PACE = ThrottledProgress(Progress())


def true_peak_dbtp(samples: np.ndarray) -> float:
    """Four times oversampled by SciPy's filter, which the limiter does not use."""
    padded = np.pad(samples.astype(np.float64), ((0, 0), (2000, 2000)))
    return float(20 * np.log10(np.abs(resample_poly(padded, 4, 1, axis=1)).max()))


def sharp(kind: str, rate: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.arange(rate) / rate
    if kind == "noise":
        return rng.normal(scale=rng.choice([0.3, 1.0, 4.0]), size=(2, rate))
    if kind == "clicks":
        clicks = np.zeros((2, rate))
        clicks[:, rng.integers(0, rate, 30)] = rng.normal(scale=6.0, size=(2, 30))
        return clicks
    if kind == "square":
        return 3 * np.sign(np.sin(2 * np.pi * rng.uniform(50, 5000) * times))[None]
    return 3 * np.sin(np.pi * rng.uniform(0.6, 0.95) * np.arange(rate))[None] * np.abs(np.sin(9 * times))


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("kind", ["noise", "clicks", "square", "high tone"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_true_peak_is_ever_above_the_ceiling(rate: int, kind: str, seed: int) -> None:
    made = limit(sharp(kind, rate, seed).astype(np.float32), rate, -1.0, PACE)
    assert true_peak_dbtp(made) <= -1.0
    level = measure(Audio.from_numpy(made, rate)).true_peak_dbtp
    assert level is not None and level <= -1.0


def test_what_is_under_the_ceiling_is_not_touched(noise: Sound) -> None:
    quiet = noise(0.5, level=0.05, channels=2).numpy()
    np.testing.assert_array_equal(limit(quiet, 48000, -1.0, PACE), quiet)


def test_the_gain_moves_before_a_peak_and_comes_back_after_it(tone: Sound) -> None:
    steady = tone(1.0, hz=200, level=0.1).numpy().copy()
    steady[:, 24000:24100] += 2.0
    made = limit(steady, 48000, -1.0, PACE)
    assert np.abs(made[:, 24000:24100]).max() <= 10 ** (-1 / 20)
    # 0.1 s away from it on either side nothing is left of it.
    np.testing.assert_allclose(made[:, :19200], steady[:, :19200], atol=1e-6)
    np.testing.assert_allclose(made[:, 28900:], steady[:, 28900:], atol=1e-3)


def test_limiting_can_be_stopped(noise: Sound) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        limit(noise(0.5).numpy(), 48000, -1.0, ThrottledProgress(Progress(check=token.check)))


def hits(decay: float, bed: float = 0.0, count: int = 8) -> Audio:
    """Struck tones that die away, over a bed of noise: 4 s, stereo, 48 kHz."""
    rng = np.random.default_rng(3)
    samples = bed * rng.normal(size=(2, 4 * 48000))
    times = np.arange(24000) / 48000
    for place in np.linspace(2000, 3.4 * 48000, count).astype(int):
        samples[:, place : place + 24000] += 0.5 * np.exp(-times * decay) * np.sin(2 * np.pi * 700 * times)
    return Audio.from_numpy(samples, 48000)


@pytest.mark.parametrize("target", [-23.0, -16.0])
@pytest.mark.parametrize("decay", [8.0, 40.0])
def test_hits_reach_a_loudness_that_gain_alone_would_miss(target: float, decay: float) -> None:
    made, levelling = limit_to_loudness(hits(decay, bed=0.002), target)
    level = measure(made)
    assert level.integrated_lufs == pytest.approx(target, abs=0.5)
    assert level.true_peak_dbtp is not None and level.true_peak_dbtp <= -1.0
    assert levelling.is_reached and levelling.reached_lufs == pytest.approx(level.integrated_lufs, abs=0.05)


def test_a_target_that_cannot_be_reached_says_how_far_it_got_and_why() -> None:
    made, levelling = limit_to_loudness(hits(300.0, count=1), -10.0)
    level = measure(made).integrated_lufs
    assert level is not None and level < -10.5
    assert levelling.reached_lufs == pytest.approx(level, abs=0.05)
    assert not levelling.is_reached
    assert "peaks stand" in str(levelling) and f"reached {level:.1f}" in str(levelling)


def test_what_nobody_hears_is_called_inaudible(tone: Sound, noise: Sound) -> None:
    assert is_inaudible(measure(tone(1.0, level=0.0)))
    assert is_inaudible(measure(noise(1.0, level=2e-4)))
    assert not is_inaudible(measure(noise(1.0, level=0.01)))
    silent, levelling = limit_to_loudness(tone(1.0, level=0.0), TARGET_LUFS)
    assert levelling.reached_lufs is None and "nothing to hear" in str(levelling)
    assert normalise(silent, -16.0) is silent
