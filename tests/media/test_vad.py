"""Tests of voice activity detection on speech, noise and silence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.media import vad as voice
from deepsound.media.audio import decode_audio
from deepsound.media.vad import voice_probabilities, voice_spans
from deepsound.media.voice_activity import WINDOW_S, VoiceActivity, VoiceSettings, spans_of
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.train import backgrounds
from deepsound.types import Audio, Span

RATE = 16000
QUIET = Progress()
T = np.arange(8 * RATE) / RATE


def saw(hz: np.ndarray) -> np.ndarray:
    phase = np.cumsum(hz) / RATE
    return 2 * (phase % 1) - 1


def plucked() -> np.ndarray:
    notes = [220, 277, 330, 440, 330, 277, 220, 247]
    out = np.zeros_like(T)
    for index, start in enumerate(np.arange(0, 7.6, 0.4)):
        since = np.clip(T - start, 0, None)
        for harmonic in range(1, 7):
            tone = np.sin(2 * np.pi * notes[index % 8] * harmonic * since) * np.exp(-3 * since * harmonic**0.5)
            out += tone * (start <= T) / harmonic
    return 0.1 * out


def wind() -> np.ndarray:
    white = np.random.default_rng(1).normal(size=T.size)
    spectrum = np.fft.rfft(white) / np.maximum(np.fft.rfftfreq(T.size, 1 / RATE), 100)
    rough = np.fft.irfft(spectrum, T.size)
    return 0.1 * rough / rough.std() * (1 + 0.8 * np.sin(2 * np.pi * 0.3 * T))


def birds() -> np.ndarray:
    out = np.zeros_like(T)
    for start in np.arange(0.3, 7.5, 0.37):
        here = (start <= T) & (start + 0.15 > T)
        since = T[here] - start
        out[here] = 0.3 * np.sin(2 * np.pi * (3000 + 8000 * since) * since) * np.hanning(here.sum())
    return out


def clicks() -> np.ndarray:
    out = np.zeros_like(T)
    out[:: RATE // 3] = 0.9
    return out


NOT_VOICES = {
    "silence": lambda: np.zeros_like(T),
    "dither": lambda: np.random.default_rng(0).normal(scale=2**-16, size=T.size),
    "white noise": lambda: np.random.default_rng(0).normal(scale=0.1, size=T.size),
    "tone": lambda: 0.3 * np.sin(2 * np.pi * 440 * T),
    "chord": lambda: 0.1 * sum(np.sin(2 * np.pi * hz * T) for hz in (220, 277, 330, 440)),
    "engine": lambda: 0.2 * saw(45 * (1 + 0.3 * np.sin(2 * np.pi * 0.2 * T))),
    "siren": lambda: 0.3 * np.sin(2 * np.pi * np.cumsum(800 + 300 * np.sin(np.pi * T)) / RATE),
    "clicks": clicks,
    "music": plucked,
    "wind": wind,
    "birds": birds,
}


@pytest.mark.parametrize("name", NOT_VOICES)
@pytest.mark.parametrize("decibels", [0, -40])
def test_no_voice_where_there_is_none(name: str, decibels: int) -> None:
    sound = Audio.from_numpy(NOT_VOICES[name]() * 10 ** (decibels / 20), RATE)
    assert voice_spans(sound, QUIET) == ()


def test_storm_and_recorded_noise_are_not_voices(storm: Audio) -> None:
    assert voice_spans(storm, QUIET) == ()
    noise = Path("/usr/share/sounds/alsa/Noise.wav")
    if noise.is_file():
        assert voice_spans(decode_audio(noise), QUIET) == ()


@pytest.mark.parametrize("decibels", [3, 0, -6])
def test_narration_over_a_storm_is_heard(speech, storm, mixed, decibels: int) -> None:
    for start in (0, 3, 6):
        spans = voice_spans(mixed(storm, speech(44100, start), decibels), QUIET)
        voiced_s = sum(span.duration_s for span in spans)
        assert voiced_s > (5.0 if decibels >= 0 else 1.0), f"{voiced_s:.1f} s heard, from name {start} on"


def test_report_of_faint_narration(speech, storm, mixed, capsys) -> None:
    spans = voice_spans(mixed(storm, speech(44100), -12.0), QUIET)
    with capsys.disabled():
        print(f"\n  narration at -12 dB in the storm: {sum(s.duration_s for s in spans):.1f} of 10 s heard")
    assert all(0 <= span.start_s < span.end_s <= 10 for span in spans)


@pytest.mark.parametrize("language", ["en-us", "fr", "de", "ru", "hi"])
def test_synthetic_voices_are_voices(language: str, tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    path = tmp_path / "voice.wav"
    subprocess.run(["espeak-ng", "-v", language, "-w", str(path), "tornado, radio, telefon, banana, video"], check=True)
    sound = decode_audio(path)
    assert sum(span.duration_s for span in voice_spans(sound, QUIET)) > 0.6 * sound.duration_s


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 48000, 96000])
def test_any_rate_gives_the_same_spans(speech, rate: int) -> None:
    sound = speech(rate)
    spans = voice_spans(sound, QUIET)
    at_48k = voice_spans(speech(48000), QUIET)
    assert sum(s.duration_s for s in spans) == pytest.approx(sum(s.duration_s for s in at_48k), abs=1.2)
    assert spans[-1].end_s <= sound.duration_s


@pytest.mark.parametrize("decibels", [-30, -60, -75])
def test_quiet_speech_is_heard_as_well_as_loud(speech, decibels: int) -> None:
    loud, quiet = (
        voice_spans(Audio(speech(16000).waveform * 10 ** (level / 20), 16000), QUIET) for level in (0, decibels)
    )
    assert sum(s.duration_s for s in quiet) == pytest.approx(sum(s.duration_s for s in loud), rel=0.1)


def test_a_voice_in_one_channel_is_found(speech, noise) -> None:
    bed = noise(seconds=8.0, rate=16000, channels=6, level=0.05).numpy()
    words = speech(16000).numpy()[0, : bed.shape[1]]
    bed[2, : len(words)] += words
    assert sum(s.duration_s for s in voice_spans(Audio.from_numpy(bed, 16000), QUIET)) > 4


def test_opposite_channels_do_not_hide_a_voice(speech) -> None:
    words = speech(16000).numpy()
    assert voice_spans(Audio.from_numpy(np.concatenate([words, -words]), 16000), QUIET)


def test_an_empty_sound_and_one_sample_have_no_voice() -> None:
    for samples in (0, 1, 500):
        sound = Audio(torch.zeros(2, samples), 44100)
        assert voice_spans(sound, QUIET) == ()
        assert len(voice_probabilities(sound, QUIET).probabilities) == (samples > 0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_refused(bad: float) -> None:
    sound = torch.zeros(1, 40 * RATE)
    sound[0, 30 * RATE] = bad
    with pytest.raises(InputError, match="NaN or infinite samples between"):
        voice_spans(Audio(sound, RATE), QUIET)


def test_cancel_stops_between_blocks(noise) -> None:
    token = CancelToken()
    seen: list[float | None] = []

    def listen(event) -> None:
        seen.append(event.fraction)
        if len(seen) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        voice_spans(noise(seconds=120.0, rate=RATE, seed=9), Progress(on_event=listen, check=token.check))
    assert len(seen) == 3


def test_one_sound_is_listened_to_once(noise, monkeypatch) -> None:
    sound = noise(seconds=2.0, rate=RATE, seed=77)
    first = voice_probabilities(sound, QUIET)
    monkeypatch.setattr(voice, "_block_probabilities", lambda *_: pytest.fail("listened twice"))
    assert voice_probabilities(Audio(sound.waveform.clone(), RATE), QUIET) is first


def test_the_number_of_torch_threads_is_left_alone(noise) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        voice._network.cache_clear()
        voice_probabilities(noise(seconds=1.0, rate=RATE, seed=5), QUIET)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_missing_detector_says_what_to_install(monkeypatch, noise) -> None:
    voice._network.cache_clear()
    monkeypatch.setattr(voice, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match='pip install "silero-vad'):
        voice_probabilities(noise(seconds=1.0, rate=RATE, seed=6), QUIET)


def test_hysteresis_drops_blips_and_joins_words() -> None:
    settings = VoiceSettings(start=0.5, keep=0.25, min_voice_s=0.3, max_gap_s=0.5, margin_s=0.1)
    rows = [0.0] * 10 + [0.9] * 2 + [0.0] * 10 + [0.3, 0.6, 0.3, 0.3] + [0.0] * 3 + [0.8] * 4 + [0.3] * 0 + [0.0] * 8
    spans = spans_of(VoiceActivity(np.array(rows, np.float32), 0.1), len(rows) * 0.1, settings)
    assert [(round(s.start_s, 2), round(s.end_s, 2)) for s in spans] == [(2.1, 3.4)]


def test_what_never_reaches_the_start_level_is_no_voice() -> None:
    activity = VoiceActivity(np.full(50, 0.45, np.float32), 0.1)
    assert spans_of(activity, 5.0, VoiceSettings(start=0.5)) == ()
    assert spans_of(activity, 4.95, VoiceSettings(start=0.4)) == (Span(0.0, 4.95),)


def test_a_whoosh_that_sounds_like_a_voice_only_with_less_background_is_none() -> None:
    """Rows as drafted foley gave them: 11 windows up to 0.67 with less background, up to 0.23 as they were."""
    rows = torch.zeros(2, 60)
    rows[0, 21:32] = torch.tensor([0.23, 0.14, 0.17, 0.11, 0.08, 0.07, 0.09, 0.10, 0.04, 0.03, 0.02])
    rows[1, 21:32] = torch.tensor([0.67, 0.65, 0.54, 0.54, 0.49, 0.45, 0.58, 0.49, 0.36, 0.34, 0.27])
    assert _spans_of_rows(rows) == ()
    rows[1, 24] = 0.8
    assert len(_spans_of_rows(rows)) == 1, "speech in noise is as sure as that"


def test_a_bark_of_a_quarter_second_is_no_voice_and_a_word_as_short_beside_others_is() -> None:
    rows = torch.zeros(1, 400)
    rows[0, 50:58] = 0.9
    assert _spans_of_rows(rows) == ()
    rows[0, 90:110] = rows[0, 170:178] = 0.9
    rows[0, 300:308] = 0.9
    middles = [(span.start_s + span.end_s) / 2 / WINDOW_S for span in _spans_of_rows(rows)]
    assert middles == pytest.approx([54, 100, 174]), "the last stands alone"


def _spans_of_rows(rows: torch.Tensor) -> tuple[Span, ...]:
    """The spans of probabilities [rows, windows] in the network's order: mean, less background, channels."""
    rows = rows if len(rows) > 1 else rows.repeat(2, 1)
    activity = VoiceActivity(voice._combine_probabilities(rows).numpy())
    return spans_of(activity, rows.shape[1] * WINDOW_S, VoiceSettings())


@pytest.mark.parametrize("seed", [199, 1014])
def test_a_sound_that_begins_at_full_level_is_no_syllable(seed: int) -> None:
    """Heard mirrored first, a hit that dies away became a swell: 14 of 1200 such sounds had a voice in them at 0 s."""
    made = backgrounds.background(6.0, np.random.default_rng([seed, 9001]))
    assert voice_spans(Audio.from_numpy(made[None], 16_000), Progress()) == ()
