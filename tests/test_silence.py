"""The published silence rule and the edges its goldens name."""

import numpy as np
import pytest

from deepsound.errors import Cancelled
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.silence import SilenceRule, measure
from deepsound.types import Audio


def audio(samples, rate=44100):
    return Audio.from_numpy(np.asarray(samples, dtype=np.float32), rate)


def test_an_empty_sound_is_silent():
    assert measure(audio(np.zeros((1, 0)))).is_silent


def test_one_loud_sample_is_not_silent():
    result = measure(audio([0.5]))
    assert (result.is_silent, result.frames) == (False, 1)


def test_both_comparisons_are_strict():
    hop, silent_frames, frames = 512, 36, 40
    samples = np.zeros((frames - 1) * hop)
    samples[(silent_frames + 1) * hop:] = 0.1
    result = measure(audio(samples))
    assert result.ratio == pytest.approx(0.9)
    assert not result.is_silent


def test_opposite_channels_cancel_in_the_mono_average():
    tone = 0.3 * np.sin(np.arange(44100) / 20)
    assert measure(audio([tone, -tone])).is_silent
    assert not measure(audio([tone, tone])).is_silent


def test_the_floor_under_a_loud_peak_lifts_quiet_frames():
    samples = 0.001 * np.random.default_rng(0).standard_normal(60000)
    assert measure(audio(samples)).is_silent
    samples[:4096] = 40.0
    assert not measure(audio(samples)).is_silent


def test_blocks_change_nothing():
    samples = 0.004 * np.random.default_rng(1).standard_normal(512 * 5000)
    whole = measure(audio(samples))
    mono = np.pad(samples.astype(np.float32), 1024)
    frames = np.lib.stride_tricks.sliding_window_view(mono, 2048)[::512]
    levels = 10 * np.log10(np.maximum(1e-10, np.mean(frames.astype(np.float32) ** 2, axis=1)))
    assert whole.frames == len(frames)
    assert whole.ratio == pytest.approx(float((levels < -50).mean()), abs=2 / len(frames))


def test_thresholds_are_settings():
    quiet = audio(0.05 * np.ones(44100))
    assert not measure(quiet).is_silent
    assert measure(quiet, SilenceRule(silent_below_db=-20.0)).is_silent


def test_it_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        measure(audio(np.zeros(44100)), progress=Progress(check=token.check))
