"""Loudness against the standard's own numbers, and pictures of sound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest

from deepsound.errors import Cancelled, InputError
from deepsound.media.loudness import measure, normalise
from deepsound.media.plots import mel_filterbank, mel_spectrogram_image, waveform_image, write_png
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Span

Sound = Callable[..., Audio]


def lufs(audio: Audio) -> float:
    level = measure(audio).integrated_lufs
    assert level is not None
    return level


def test_a_full_scale_tone_reads_minus_three(tone: Sound) -> None:
    # BS.1770: a 0 dB full scale 997 Hz sine in one front channel reads -3.01 LKFS.
    assert lufs(tone(5.0, hz=997, level=1.0)) == pytest.approx(-3.01, abs=0.05)
    assert lufs(tone(5.0, hz=997, level=1.0, channels=2)) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("seconds", [0.4, 3.33, 27.7])
def test_chunks_measure_as_the_whole_does(noise: Sound, rate: int, seconds: float) -> None:
    audio = noise(seconds, rate=rate, channels=2)
    swell = Audio.from_numpy(audio.numpy() * np.linspace(0.01, 1, audio.samples), rate)
    expected = pyloudnorm.Meter(rate).integrated_loudness(swell.numpy().T.astype(np.float64))
    # Its blocks begin up to a sample earlier, where a product of floats is cut off.
    assert lufs(swell) == pytest.approx(expected, abs=0.001)


def test_true_peak_between_the_samples(tone: Sound) -> None:
    # A quarter of the rate, 45 degrees off: no sample reaches the wave's top, which is 3 dB above them.
    wave = np.sin(2 * np.pi * np.arange(48000) / 4 + np.pi / 4) * np.hanning(48000) ** 0.1
    peak = measure(Audio.from_numpy(wave, 48000)).true_peak_dbtp
    assert 20 * math.log10(np.abs(wave).max()) == pytest.approx(-3.01, abs=0.01)
    assert peak == pytest.approx(0.0, abs=0.1)


def test_what_cannot_be_measured(tone: Sound) -> None:
    silence = measure(tone(1.0, level=0.0))
    assert (silence.integrated_lufs, silence.true_peak_dbtp) == (None, None)
    short = measure(tone(0.39))
    assert short.integrated_lufs is None and short.true_peak_dbtp == pytest.approx(-6.02, abs=0.05)
    assert measure(Audio.from_numpy(np.zeros((1, 0)), 8000)).integrated_lufs is None
    assert measure(tone(1.0, level=1e-5)).integrated_lufs is None


def test_the_low_frequency_channel_does_not_count(noise: Sound) -> None:
    six = noise(2.0, channels=6).numpy()
    assert lufs(Audio.from_numpy(six, 48000)) == pytest.approx(lufs(Audio.from_numpy(six[[0, 1, 2, 4, 5]], 48000)))
    assert lufs(noise(2.0, channels=8)) > lufs(Audio.from_numpy(six, 48000))


def test_normalise_meets_its_target(noise: Sound) -> None:
    assert lufs(normalise(noise(2.0, level=0.01), -23.0)) == pytest.approx(-23.0, abs=0.01)


def test_normalise_stops_at_the_ceiling(noise: Sound) -> None:
    level = measure(normalise(noise(2.0), 0.0, true_peak_ceiling_dbtp=-2.0))
    assert level.true_peak_dbtp == pytest.approx(-2.0, abs=0.01)
    assert level.integrated_lufs is not None and level.integrated_lufs < -5


def test_normalise_leaves_silence_alone(tone: Sound) -> None:
    silence = tone(1.0, level=0.0)
    assert normalise(silence, -23.0) is silence
    with pytest.raises(InputError, match="nan"):
        normalise(silence, float("nan"))


def test_measuring_can_be_stopped(noise: Sound) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        measure(noise(1.0), Progress(check=token.check))


def test_the_waveform_is_as_high_as_the_sound(tone: Sound) -> None:
    for level in (0.25, 1.0):
        image = waveform_image(tone(1.0, level=level), 300, 60)
        rows = np.flatnonzero((image == (70, 132, 196)).all(-1).any(1) | (image == (150, 205, 250)).all(-1).any(1))
        assert (np.ptp(rows) + 1) / 60 == pytest.approx(level, abs=0.04)


def test_spans_are_shaded_where_they_are(tone: Sound) -> None:
    plain = waveform_image(tone(2.0, level=0.1), 200, 100)
    shaded = waveform_image(tone(2.0, level=0.1), 200, 100, [Span(0.5, 1.0), Span(1.9, 9.0)])
    columns = np.flatnonzero((plain != shaded).any(axis=(0, 2)))
    assert columns.tolist() == [*range(50, 100), *range(190, 200)]


@pytest.mark.parametrize("hz", [200, 1000, 4000, 9000])
def test_a_tone_lights_up_its_own_row(tone: Sound, hz: int) -> None:
    image = mel_spectrogram_image(tone(1.0, hz=hz), 40, 64).astype(int).sum(-1)
    row = int(image[:, 20].argmax())
    mel = [2595 * math.log10(1 + frequency / 700) for frequency in (hz, 20000)]
    assert row == pytest.approx(63 * (1 - mel[0] / mel[1]), abs=1.5)


def test_silence_is_dark_and_sound_is_bright(tone: Sound) -> None:
    assert mel_spectrogram_image(tone(1.0, level=0.0), 50, 50).max() < 30
    assert mel_spectrogram_image(tone(1.0), 50, 50).max() > 200


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 96000])
def test_every_mel_band_hears_something(rate: int) -> None:
    bank = mel_filterbank(rate, 2 ** round(math.log2(0.046 * rate)), 128)
    assert (bank.sum(1) > 0).all()


@pytest.mark.parametrize("samples", [0, 1, 37])
@pytest.mark.parametrize("draw", [waveform_image, mel_spectrogram_image])
def test_the_shortest_sounds_are_drawn(draw: Callable[..., np.ndarray], samples: int) -> None:
    audio = Audio.from_numpy(np.full((2, samples), 0.5), 16000)
    for width, height in ((1, 1), (300, 120)):
        image = draw(audio, width, height)
        assert image.shape == (height, width, 3) and image.dtype == np.uint8
    with pytest.raises(InputError, match="0 x 5"):
        draw(audio, 0, 5)


def test_long_sounds_stay_cheap() -> None:
    audio = Audio.from_numpy(np.random.default_rng(0).random((1, 48000 * 600), np.float32) - 0.5, 48000)
    began = time.process_time()
    waveform_image(audio, 800, 200)
    mel_spectrogram_image(audio, 800, 200)
    assert time.process_time() - began < 5


def test_png_is_read_back_by_another_program(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (31, 47, 3), np.uint8)
    write_png(image, tmp_path / "a.png")
    with av.open(str(tmp_path / "a.png")) as container:
        np.testing.assert_array_equal(next(container.decode(video=0)).to_ndarray(format="rgb24"), image)
    with pytest.raises(InputError, match="float64"):
        write_png(image / 255, tmp_path / "b.png")
