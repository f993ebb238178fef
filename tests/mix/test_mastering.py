"""Tests of mixing and mastering: gains, ducking, fades, width, loudness, ceiling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepsound.errors import InputError
from deepsound.media.loudness import measure
from deepsound.mix import mastering
from deepsound.mix.envelopes import apply_fades, apply_width, ducking_gain
from deepsound.mix.mastering import mix_and_master
from deepsound.mix.settings import LOUDNESS_TARGETS, MixSettings
from deepsound.types import Audio, Span

RATE = 48_000
PLAIN = MixSettings(original_gain_db=0.0, ducking_db=0.0, loudness="keep", ceiling_dbtp=0.0)


def sine(seconds: float, level: float = 0.1, hz: float = 440.0, channels: int = 2, rate: int = RATE) -> Audio:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return Audio.from_numpy(np.tile(wave.astype(np.float32), (channels, 1)), rate)


def rms_db(samples: np.ndarray) -> float:
    return 20 * math.log10(math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))))


@pytest.mark.parametrize("target", [row for row in LOUDNESS_TARGETS if row.lufs is not None], ids=lambda row: row.name)
def test_each_target_is_reached_under_the_ceiling(target):
    rng = np.random.default_rng(1)
    noise = Audio.from_numpy(0.05 * rng.standard_normal((2, 3 * RATE)).astype(np.float32), RATE)
    master = mix_and_master(noise, settings=MixSettings(loudness=target.name, ceiling_dbtp=-1.0))
    level = measure(master.audio)
    assert level.integrated_lufs == pytest.approx(target.lufs, abs=0.5)
    assert level.true_peak_dbtp <= -1.0
    assert [meter.name for meter in master.meters] == ["generated", "mix", "master"]
    assert master.meters[-1].loudness == level


def test_the_original_lies_under_the_generated_sound_by_its_gain():
    silent = Audio.from_numpy(np.zeros((2, RATE), np.float32), RATE)
    master = mix_and_master(silent, sine(1.0), MixSettings(original_gain_db=-12.0, ducking_db=0.0, loudness="keep"))
    assert rms_db(master.audio.numpy()) - rms_db(sine(1.0).numpy()) == pytest.approx(-12.0, abs=0.01)


def test_speech_in_the_original_turns_the_generated_sound_down_and_nothing_else(monkeypatch):
    monkeypatch.setattr("deepsound.media.vad.voice_spans", lambda audio, progress: (Span(1.0, 2.0),))
    silent = Audio.from_numpy(np.zeros((2, 3 * RATE), np.float32), RATE)
    settings = MixSettings(ducking_db=10.0, loudness="keep", ceiling_dbtp=0.0)
    made = mix_and_master(sine(3.0), silent, settings)
    before, during, after = (
        made.audio.numpy()[:, round(at * RATE) : round((at + 0.5) * RATE)] for at in (0, 1.25, 2.5)
    )
    assert rms_db(during) - rms_db(before) == pytest.approx(-10.0, abs=0.01)
    assert rms_db(after) == pytest.approx(rms_db(before), abs=0.01)
    assert made.spans == (Span(1.0, 2.0),) and any("Ducked by 10 dB" in note for note in made.notes)


def test_ducking_moves_without_a_step():
    gain = ducking_gain([Span(0.5, 1.0)], 2 * RATE, RATE, 20.0)
    assert gain[0] == 1 and gain[round(0.75 * RATE)] == pytest.approx(0.1) and gain[-1] == 1
    # 20 dB within 0.15 s: the largest step of a sample is 20 / 7200 dB, 0.03 %.
    assert np.abs(np.diff(gain)).max() < 4e-4


def test_fades_begin_and_end_in_silence_and_leave_the_middle():
    faded = apply_fades(np.ones((1, 1000), np.float32), 100, 2.0, 3.0)
    assert faded[0, 0] == 0 and faded[0, -1] == 0 and np.all(faded[0, 200:700] == 1)
    assert faded[0, 100] ** 2 == pytest.approx(0.5, abs=0.01), "equal power: half of it in the middle"


def test_a_fade_longer_than_the_sound_is_as_long_as_it():
    assert np.isfinite(apply_fades(np.ones((2, 10), np.float32), 100, 60.0, 60.0)).all()


def test_width_scales_the_difference_of_the_channels_alone():
    left, right = np.float32([[1.0], [0.0]])
    stereo = np.stack([left, right])
    assert apply_width(stereo, 0.0).tolist() == [[0.5], [0.5]]
    assert apply_width(stereo, 2.0).tolist() == [[1.5], [-0.5]]
    assert apply_width(stereo, 1.0) is stereo


def test_a_width_of_a_mono_sound_is_said_to_be_ignored():
    made = mix_and_master(sine(1.0, channels=1), settings=MixSettings(stereo_width=0.5))
    assert any("stereo_width is ignored" in note for note in made.notes)


def test_rates_and_channels_of_the_two_are_brought_together():
    made = mix_and_master(sine(1.0, channels=1, rate=16_000), sine(1.0, channels=2), PLAIN)
    assert (made.audio.sample_rate, made.audio.channels, made.audio.samples) == (RATE, 2, RATE)


def test_channels_that_cannot_be_joined_are_refused():
    with pytest.raises(InputError, match=r"generated: expected 1 or 6 channels.*got 2"):
        mix_and_master(sine(0.5), sine(0.5, channels=6), PLAIN)


@pytest.mark.parametrize(
    ("length", "seconds"), [("trim", 2.0), ("hold", 3.0), ("as_is", 3.0), ("loop", 3.0)], ids=lambda value: str(value)
)
def test_the_length_policy_decides_about_a_sound_longer_than_the_picture(length, seconds):
    made = mix_and_master(sine(3.0), None, MixSettings(loudness="keep", length=length), picture_s=2.0)
    assert made.audio.duration_s == pytest.approx(seconds) and "1.00 s longer" in made.notes[0]


def test_loop_repeats_a_sound_shorter_than_the_picture():
    made = mix_and_master(sine(1.0), None, MixSettings(loudness="keep", length="loop"), picture_s=3.0)
    assert made.audio.duration_s == 3.0 and rms_db(made.audio.numpy()[:, -RATE:]) == pytest.approx(
        rms_db(sine(1).numpy()), abs=0.1
    )


def test_silence_stays_silence_and_is_said():
    made = mix_and_master(Audio.from_numpy(np.zeros((1, RATE), np.float32), RATE))
    assert not made.audio.numpy().any() and any("nothing to hear" in note for note in made.notes)


def test_loud_peaks_stay_under_the_ceiling_where_the_loudness_is_kept():
    made = mix_and_master(sine(1.0, level=2.0), settings=MixSettings(loudness="keep", ceiling_dbtp=-3.0))
    assert measure(made.audio).true_peak_dbtp <= -3.0


@pytest.mark.parametrize("name", mastering.MixSettings.__dataclass_fields__)
def test_a_value_out_of_range_is_refused_by_name(name):
    wrong = "louder" if name in ("loudness", "length") else float("nan")
    with pytest.raises(InputError, match=name):
        MixSettings(**{name: wrong})
