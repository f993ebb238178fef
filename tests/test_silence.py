"""The published silence rule and the edges its goldens name."""

import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.silence import SilenceRule, measure, measure_residue, spans
from deepsound.types import Audio, Span


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
    samples[(silent_frames + 1) * hop :] = 0.1
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


RATE = 48000


def loud(seconds):
    return 0.1 * np.sin(np.arange(round(seconds * RATE)) / 5)


def quiet(seconds):
    return np.zeros(round(seconds * RATE))


def test_spans_of_silence_between_sounds():
    clip = audio(np.concatenate([quiet(1), loud(1), quiet(2), loud(1), quiet(0.3), loud(1)]), RATE)
    first, second = spans(clip)
    assert first.start_s == 0
    assert first.end_s == pytest.approx(1, abs=0.04)
    assert first.end_s <= 1
    assert (second.start_s, second.end_s) == (pytest.approx(2, abs=0.04), pytest.approx(4, abs=0.04))
    assert 2 <= second.start_s <= second.end_s <= 4
    assert len(spans(clip, min_duration_s=0.2)) == 3


def test_spans_agree_with_the_published_rule():
    rng = np.random.default_rng(3)
    for _ in range(20):
        levels = np.repeat(rng.choice([0.0, 1e-4, 0.05], 12), rng.integers(300, 5000))
        clip = audio(levels * rng.standard_normal(len(levels)), RATE)
        result = measure(clip)
        silent_s = sum(span.duration_s for span in spans(clip, min_duration_s=0))
        # The first and the last frame stand for half a hop and less.
        assert silent_s / clip.duration_s == pytest.approx(result.ratio, abs=2 / result.frames)


def test_silence_of_the_whole_is_one_span():
    (whole,) = spans(audio(np.zeros((2, 50000)), RATE))
    assert (whole.start_s, whole.end_s) == (0, 50000 / RATE)
    assert spans(audio(np.zeros(400), RATE), min_duration_s=0)[0].end_s == 400 / RATE


def test_no_span_where_all_is_loud_or_empty():
    assert spans(audio(loud(1), RATE), min_duration_s=0) == ()
    assert spans(audio(np.zeros((1, 0)), RATE), min_duration_s=0) == ()


def test_one_silent_sample_makes_one_span():
    assert spans(audio([0.0], RATE), min_duration_s=0) == (Span(0, 1 / RATE),)


@pytest.mark.parametrize("least_s", [-0.1, float("nan")])
def test_an_impossible_shortest_silence_is_refused(least_s):
    with pytest.raises(InputError, match="shortest silence"):
        spans(audio(loud(1), RATE), min_duration_s=least_s)


def test_finding_spans_can_be_cancelled():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        spans(audio(np.zeros(44100)), progress=Progress(check=token.check))


def made_up_voice(seconds: float = 6.0, level: float = 0.3) -> np.ndarray:
    """Buzzing syllables of a glottal pulse through two formants, with pauses of 0.4 s between phrases."""
    rate = 44100
    at = np.arange(round(seconds * rate)) / rate
    pitch = 120 * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * at))
    buzz = sum(np.sin(2 * np.pi * n * np.cumsum(pitch) / rate) / n**1.2 for n in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * at), 0, 1) ** 0.5
    phrases = np.clip(20 * (0.75 - (at % 1.6) / 1.6), 0, 1)
    return level * buzz * syllables * phrases / np.abs(buzz).max()


def split(voice: np.ndarray, ghost_db: float, other: np.ndarray | float = 0.0) -> tuple[Audio, Audio]:
    """The mix of a voice with something else, and what a separator leaves that lets `ghost_db` of the voice through."""
    left = voice * 10 ** (ghost_db / 20) + other
    return audio(voice + other), audio(left)


@pytest.mark.parametrize("ghost_db", [-18, -22, -26])
def test_the_ghost_of_a_loud_narrator_is_silence(ghost_db):
    """0.3.0 kept what 18 dB of separation leaves of a loud narrator, an audible ghost, as the background."""
    mix, left = split(made_up_voice(), ghost_db)
    assert not measure(left).is_silent, "the published rule is absolute"
    found = measure_residue(mix, left)
    assert found.is_silent and found.ratio == measure(left).ratio


@pytest.mark.parametrize("level_db", [-30, -40, -46])
def test_a_soft_background_beside_the_ghost_is_kept(level_db):
    rain = 10 ** (level_db / 20) * np.random.default_rng(1).standard_normal(6 * 44100)
    assert not measure_residue(*split(made_up_voice(), -22, rain)).is_silent


def test_what_was_hardly_separated_is_no_silence():
    assert not measure_residue(*split(made_up_voice(), -8)).is_silent


def test_a_voice_without_pauses_leaves_it_to_the_published_rule():
    drone = 0.3 * np.sin(np.arange(3 * 44100) / 20)
    assert not measure_residue(*split(drone, -20)).is_silent


def test_without_a_removed_voice_the_published_rule_decides():
    steps = audio(0.05 * np.random.default_rng(2).standard_normal(44100))
    assert not measure_residue(steps, steps).is_silent
    assert measure_residue(audio(np.zeros(44100)), audio(np.zeros(44100))).is_silent
    assert measure_residue(audio(np.ones(10)), audio(np.zeros(44100))).is_silent


def test_a_recorded_narrator_s_ghost_is_silence(speech):
    words = speech(44100).numpy()[0][: 6 * 44100]
    words = 0.9 * words / np.abs(words).max()
    mix, left = split(words, -20)
    assert not measure(left).is_silent and measure_residue(mix, left).is_silent
