"""Tracks brought to one loudness: matched where that can be, never clipped."""

import numpy as np
import pytest

from deepsound.compare.levels import CEILING_DBTP, MOST_GAIN_DB, equal_loudness, to_playable
from deepsound.media.loudness import measure
from deepsound.runtime.progress import Progress
from deepsound.types import Audio


def gained(audio, level):
    return Audio(audio.waveform * 10 ** (level.gain_db / 20), audio.sample_rate)


def test_tracks_of_any_level_come_out_equally_loud(noise, tone):
    sounds = [
        noise(2.0, channels=2, level=0.2),
        noise(2.0, channels=2, level=0.02, seed=1),
        tone(2.0, channels=2, hz=900, level=0.05),
    ]
    levels = equal_loudness(sounds, Progress())
    heard = [measure(gained(sound, level)) for sound, level in zip(sounds, levels, strict=True)]
    assert all(level.matched for level in levels)
    assert np.ptp([level.integrated_lufs for level in heard]) < 0.05
    assert all(level.true_peak_dbtp <= CEILING_DBTP + 0.01 for level in heard)


def test_one_channel_counts_as_the_two_loudspeakers_it_comes_out_of(noise):
    mono = noise(2.0, level=0.1)
    stereo = Audio(mono.waveform.repeat(2, 1), mono.sample_rate)
    one, two = equal_loudness([mono, stereo], Progress())
    assert one.gain_db == pytest.approx(two.gain_db, abs=0.01)


def test_a_high_peak_holds_all_down_and_a_quiet_track_does_not(noise):
    steady, quiet = noise(2.0, channels=2, level=0.1), noise(2.0, channels=2, level=0.0004, seed=2)
    spiky = Audio(steady.waveform / 5, 48000)
    spiky.waveform[:, 1000] = 1.0
    with_quiet = equal_loudness([steady, quiet], Progress())
    assert with_quiet[0].gain_db == pytest.approx(equal_loudness([steady], Progress())[0].gain_db, abs=0.5)
    assert (with_quiet[1].gain_db, with_quiet[1].matched) == (MOST_GAIN_DB, False)
    assert equal_loudness([steady, spiky], Progress())[0].gain_db < with_quiet[0].gain_db - 3


@pytest.mark.parametrize(("samples", "value"), [(48000, 0.0), (1, 0.5), (100, 1.5), (0, 0.0)])
def test_what_has_no_loudness_is_not_matched_and_does_not_clip(samples, value):
    (level,) = equal_loudness([Audio.from_numpy(np.full((1, samples), value), 48000)], Progress())
    assert not level.matched and level.gain_db <= 0
    assert value * 10 ** (level.gain_db / 20) < 1


@pytest.mark.parametrize(
    ("channels", "rate", "heard"),
    [
        (1, 48000, (1, 48000)),
        (2, 44100, (2, 44100)),
        (6, 48000, (1, 48000)),
        (2, 11, (2, 48000)),
        (1, 7919, (1, 48000)),
        (2, 96000, (2, 96000)),
        (1, 192000, (1, 48000)),
        (2, 22051, (2, 22051)),
    ],
)
def test_odd_rates_and_many_channels_become_what_browsers_play(channels, rate, heard):
    sound = to_playable(Audio.from_numpy(np.full((channels, max(rate // 10, 2)), 0.25), rate), Progress())
    assert (sound.channels, sound.sample_rate) == heard
