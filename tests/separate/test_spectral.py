"""Tests of the embedded separator `spectral`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import Cancelled, InputError
from deepsound.media.vad import voice_spans
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.separate.mask import MaskSettings, voice_estimate
from deepsound.separate.spectral import SpectralSeparator, SpectralSettings
from deepsound.types import Audio, Stems

QUIET = Progress()
Mixed = Callable[[Audio, Audio, float], Audio]


def separate(audio: Audio) -> Stems:
    stems = SpectralSeparator().separate(audio, QUIET)
    for stem in (stems.voice, stems.background):
        assert (stem.sample_rate, stem.channels, stem.samples) == (audio.sample_rate, audio.channels, audio.samples)
        assert torch.isfinite(stem.waveform).all()
    assert torch.equal(stems.background.waveform, audio.waveform - stems.voice.waveform)
    return stems


def si_sdr(wanted: Audio, got: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio in dB over all channels."""
    reference, estimate = wanted.numpy().ravel().astype(float), got.numpy().ravel().astype(float)
    target = reference * (reference @ estimate) / (reference @ reference)
    return float(10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target))))


def voiced_s(audio: Audio) -> float:
    return sum(span.duration_s for span in voice_spans(audio, QUIET))


def silent_share(audio: Audio) -> float:
    """The share of 512-sample frames below -50 dB RMS."""
    frames = audio.numpy()[:, : audio.samples // 512 * 512].reshape(-1, 512)
    return float((np.sqrt((frames**2).mean(axis=1)) < 10 ** (-50 / 20)).mean())


@pytest.fixture
def names(speech) -> Audio:
    """Three seconds of pause, then four seconds of names, then pause: ten seconds, mono, 44100 Hz."""
    words = speech(44100).numpy()[0, : 4 * 44100]
    return Audio.from_numpy(np.concatenate([np.zeros(3 * 44100), words, np.zeros(3 * 44100)]), 44100)


@pytest.mark.parametrize(("decibels", "gain_db"), [(6, 6.0), (0, 2.5)])
def test_narration_is_taken_out_of_a_storm(names, storm, mixed: Mixed, decibels: int, gain_db: float) -> None:
    mix = mixed(storm, names, decibels)
    background = separate(mix).background
    improved = si_sdr(storm, background) - si_sdr(storm, mix)
    assert improved > gain_db, f"SI-SDR {improved:+.1f} dB"
    assert voiced_s(mix) > 3.0
    assert voiced_s(background) < 0.2 * voiced_s(mix)


def test_narration_is_taken_out_of_a_steady_hiss(names, noise, mixed: Mixed) -> None:
    hiss = noise(seconds=10.0, rate=44100, level=0.05)
    mix = mixed(hiss, names, 0.0)
    background = separate(mix).background
    assert si_sdr(hiss, background) - si_sdr(hiss, mix) > 9.0
    assert voiced_s(background) < 0.1 * voiced_s(mix)


def test_only_voiced_spans_are_touched(names, storm, mixed: Mixed) -> None:
    mix = mixed(storm, names, 6.0)
    background = separate(mix).background
    outside = slice(0, int(2.3 * 44100)), slice(int(7.7 * 44100), None)
    for part in outside:
        assert torch.equal(background.waveform[:, part], mix.waveform[:, part])


def test_sound_without_a_voice_comes_back_bit_for_bit(storm) -> None:
    stems = separate(storm)
    assert torch.equal(stems.background.waveform, storm.waveform)
    assert not stems.voice.waveform.any()


def test_a_voice_alone_leaves_silence(speech, names) -> None:
    for sound in (speech(48000), names):
        assert silent_share(sound) < 0.8
        assert silent_share(separate(sound).background) > 0.9


def test_a_voice_in_the_middle_leaves_the_side_untouched(names, noise, mixed: Mixed) -> None:
    mix = mixed(noise(seconds=10.0, rate=44100, channels=2, level=0.05), names, 3.0)
    voice = separate(mix).voice.numpy()
    middle, side = voice.sum(axis=0), voice[0] - voice[1]
    assert (side**2).mean() < 0.02 * (middle**2).mean()


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_layout(speech, noise, mixed: Mixed, rate: int, channels: int) -> None:
    mix = mixed(noise(seconds=4.0, rate=rate, channels=channels, level=0.02), speech(rate), 6.0)
    background = separate(mix).background
    assert float(background.waveform.square().mean()) < 0.5 * float(mix.waveform.square().mean())


@pytest.mark.parametrize("samples", [0, 1, 2, 511, 3000])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_very_short_and_silent_sounds(samples: int, rate: int) -> None:
    sound = Audio(torch.zeros(2, samples), rate)
    assert not separate(sound).background.waveform.any()


def test_a_short_word_without_any_background(speech) -> None:
    """All of it is voice: the background is left at least 30 dB below (measured: 35 dB)."""
    word = speech(48000).numpy()[:, : 48000 // 2]
    stems = separate(Audio.from_numpy(word, 48000))
    assert np.square(stems.background.numpy()).mean() < 1e-3 * np.square(word).mean()
    np.testing.assert_allclose((stems.voice.waveform + stems.background.waveform).numpy(), word, atol=1e-6)


def test_blocks_leave_no_seams(speech, noise, mixed: Mixed) -> None:
    """Work in blocks of three seconds equals work in one piece, and nothing jumps where the blocks meet in speech."""
    phrases = speech(16000).numpy()[0, : 10 * 16000].reshape(5, -1)
    words = Audio.from_numpy(np.pad(phrases, ((0, 0), (8000, 11200))).ravel(), 16000)
    mix = mixed(noise(seconds=16.0, rate=16000, level=0.02), words, 12.0)
    blocked = SpectralSeparator(SpectralSettings(block_s=3.0))
    seams = [first for first, _ in blocked._blocks(mix)[1:]]
    assert len(seams) == 5
    whole = SpectralSeparator(SpectralSettings(block_s=60.0)).separate(mix, QUIET).voice.numpy()[0]
    pieces = blocked.separate(mix, QUIET).voice.numpy()[0]
    assert ((pieces - whole) ** 2).mean() < 1e-3 * (whole**2).mean()
    for seam in seams:
        near = slice(seam - 80, seam + 400)
        steps = np.abs(np.diff(pieces[near] - whole[near]))
        assert steps.max() < 0.02 * np.abs(whole).max()


def test_samples_that_are_not_finite_are_refused() -> None:
    sound = torch.zeros(2, 16000)
    sound[1, 5] = float("nan")
    with pytest.raises(InputError, match="NaN"):
        SpectralSeparator().separate(Audio(sound, 16000), QUIET)


def test_cancel_stops_the_work_and_progress_only_grows(names, storm, mixed: Mixed) -> None:
    mix = mixed(storm, names, 3.0)
    shares: list[float] = []
    SpectralSeparator().separate(mix, Progress(on_event=lambda event: shares.append(event.fraction or 0.0)))
    assert shares == sorted(shares) and shares[-1] == 1.0
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        SpectralSeparator().separate(mix, Progress(check=token.check))


def test_the_input_is_not_changed_and_the_answer_is_always_the_same(names, storm, mixed: Mixed) -> None:
    mix = mixed(storm, names, 0.0)
    before = mix.waveform.clone()
    first, second = separate(mix), separate(mix)
    assert torch.equal(mix.waveform, before)
    assert torch.equal(first.voice.waveform, second.voice.waveform)


def test_it_is_the_separator_of_that_name() -> None:
    assert isinstance(engines.separator("spectral"), SpectralSeparator)


def test_steady_noise_is_background_even_where_a_voice_is_claimed(noise) -> None:
    """The mask itself: marking a stretch of plain noise as voiced must take little of it away."""
    hiss = noise(seconds=4.0, rate=16000, level=0.1).waveform[0]
    claimed = torch.zeros(hiss.shape[0], dtype=torch.bool)
    claimed[24000:40000] = True
    taken = voice_estimate(hiss, claimed, 16000, 2.0, MaskSettings())[24000:40000]
    assert float(taken.square().mean()) < 0.01 * float(hiss.square().mean())


def test_a_new_tone_is_taken_and_the_old_one_left() -> None:
    """The mask itself: what was there before the voiced stretch stays, what begins with it goes."""
    at = torch.arange(64000) / 16000
    old, new = torch.sin(2 * torch.pi * 1000 * at), torch.sin(2 * torch.pi * 3000 * at)
    claimed = (at > 1.5) & (at < 2.5)
    taken = voice_estimate(old + new * claimed, claimed, 16000, 2.0, MaskSettings())[26000:38000]
    assert torch.allclose(taken, new[26000:38000], atol=0.05)
