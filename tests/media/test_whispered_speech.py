"""Tests of the detection of whispered speech, and of its removal by `dtln`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from benchmarks._voices import whisper_of
from deepsound.errors import EngineError
from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.media import vad, whispered_speech
from deepsound.media.audio import resample
from deepsound.media.periodicity import periodicity
from deepsound.media.vad import voice_spans
from deepsound.models.whispered_speech import BANDS, BINS, band_edges, sound_of, spectrum_of, to_bands, to_bins
from deepsound.runtime.progress import Progress
from deepsound.separate import dtln
from deepsound.separate.dtln import DtlnSeparator
from deepsound.separate.whisper import with_whispers
from deepsound.train.losses import si_sdr
from deepsound.types import Audio

RATE, SECONDS = 44_100, 6.0
Speech = Callable[..., Audio]
Mixed = Callable[[Audio, Audio, float], Audio]


def recording(name: str) -> Audio:
    """One of the draft's recordings, again and again."""
    take = load_take(embedded()[name].paths[0])
    assert take is not None
    return Audio.from_numpy(np.resize(take.mean(axis=0), round(SECONDS * RATE))[None], RATE)


@pytest.fixture
def whisper(speech: Speech) -> Audio:
    """Recorded speech, whispered: no pitch, weak lows."""
    whispered = whisper_of(speech(RATE).numpy()[0], 1)
    bright = signal.sosfiltfilt(signal.butter(2, 900, "highpass", fs=RATE, output="sos"), whispered)
    return Audio.from_numpy(bright[None].astype(np.float32), RATE)


def voiced_s(audio: Audio) -> float:
    vad._recent._kept.clear()
    return sum(span.duration_s for span in voice_spans(audio, Progress()))


def improvement_db(mix: Audio, bed: Audio) -> float:
    got = DtlnSeparator().separate(mix, Progress()).background.waveform[0]
    return float(si_sdr(got, bed.waveform[0]) - si_sdr(mix.waveform[0], bed.waveform[0]))


def test_a_whisper_over_rain_is_found_and_removed(
    whisper: Audio, mixed: Mixed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DTLN takes a voice without a pitch for noise: the gain was 1 dB."""
    bed = recording("rain")
    mix = mixed(bed, whisper, 3.0)
    low = resample(mix, 16_000).waveform
    assert whispered_speech.whispered_windows(low, low.shape[1] // 512).mean() > 0.6
    assert voiced_s(mix) > 0.6 * SECONDS
    assert improvement_db(mix, bed) > 4.0
    monkeypatch.setattr(dtln, "with_whispers", lambda _, voice, __: (voice, None))
    assert improvement_db(mix, bed) < 3.0


def test_a_dog_that_barks_at_a_whisper_is_left(whisper: Audio, mixed: Mixed) -> None:
    """Its barks were taken for whispers too and removed: 17 dB worse than the untouched sound."""
    bed = recording("dog")
    mix = mixed(bed, whisper, 10.0)
    assert voiced_s(mix) > 0.6 * SECONDS
    assert improvement_db(mix, bed) > 0.0


def test_periodicity_tells_a_tone_from_noise_and_silence() -> None:
    noise = torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    tone = torch.sin(2 * torch.pi * 200 / 16_000 * torch.arange(16_000))
    of_tone, of_noise, of_silence = periodicity(torch.stack([tone, noise, 0 * noise]), 1024, 256, (70.0, 500.0))
    assert of_tone.shape == (63,)
    assert of_tone[3:-3].min() > 0.95
    assert of_noise.max() < 0.5
    assert not of_silence.any()


@pytest.mark.parametrize("samples", [1, 100])
def test_periodicity_of_hardly_any_samples(samples: int) -> None:
    assert periodicity(torch.ones(2, samples), 1024, 256, (70.0, 500.0)).shape == (2, 1)


@pytest.mark.parametrize("name", ["rain", "sea", "applause", "river", "helicopter", "scratch", "bubbles", "car_stop"])
def test_noisy_recordings_are_no_whisper(name: str) -> None:
    sound = resample(recording(name), 16_000).waveform
    assert not whispered_speech.whispered_windows(sound, sound.shape[1] // 512).any()


def test_speech_over_noise_is_separated_as_before(speech: Speech, mixed: Mixed) -> None:
    """Where nobody whispers, the estimate is DTLN's own, the same tensor."""
    low = resample(mixed(recording("rain"), speech(RATE), 3.0), 16_000).waveform
    voice = 0.5 * low
    estimate, whispered = with_whispers(low, voice, Progress())
    assert estimate is voice and whispered is None


def test_bands_hold_every_bin_once() -> None:
    edges = band_edges()
    assert (edges[0], edges[-1], len(edges)) == (0, BINS, BANDS + 1)
    assert all(low < high for low, high in pairwise(edges))
    gains = torch.rand(2, BANDS, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(to_bands(to_bins(gains)), gains, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 300, 16_001])
def test_the_spectrum_gives_the_sound_back(samples: int) -> None:
    sound = torch.randn(2, samples, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(sound_of(spectrum_of(sound), samples), sound, atol=1e-5)


def test_missing_weights_are_said_before_the_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dtln, "WHISPER_WEIGHTS", {"whispered speech": tmp_path / "whispered_speech.safetensors"})
    with pytest.raises(EngineError, match="install deepsound again"):
        DtlnSeparator().check_files()
