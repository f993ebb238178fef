"""Tests of the embedded separator `bs_roformer_tiny` with its shipped weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.models.roformer.config import BS_ROFORMER_TINY
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import fit_to_checkpoint, separation, shipped_file
from deepsound.separate.roformer import BSRoformerTinySeparator
from deepsound.train.losses import si_sdr
from deepsound.train.report import residual
from deepsound.types import Audio

Speech = Callable[..., Audio]
Mixed = Callable[[Audio, Audio, float], Audio]


def background_of(audio: Audio) -> Audio:
    stems = BSRoformerTinySeparator().separate(audio, Progress())
    assert torch.allclose(stems.voice.waveform + stems.background.waveform, audio.waveform, atol=1e-6)
    return stems.background


def noise_bed(seconds: float = 6.0, channels: int = 1) -> Audio:
    """Brown noise with clicks: neither is a voice."""
    rng = np.random.default_rng(8)
    bed = np.cumsum(rng.standard_normal((channels, round(seconds * 44100))), axis=1)
    bed -= np.linspace(bed[:, 0], bed[:, -1], bed.shape[1]).T
    bed = np.diff(bed, axis=1, prepend=bed[:, :1]) + 0.02 * bed
    for at in rng.integers(0, bed.shape[1] - 3000, 12):
        bed[:, at : at + 3000] += 8 * rng.standard_normal(3000) * np.exp(-np.arange(3000) / 400)
    return Audio.from_numpy(0.05 * bed / bed.std(), 44100)


def improvement_db(mix: Audio, bed: Audio, got: Audio) -> float:
    wanted = bed.waveform.mean(0)
    return float(si_sdr(got.waveform.mean(0), wanted) - si_sdr(mix.waveform.mean(0), wanted))


def test_it_ships_within_eight_megabytes_and_is_the_network_that_is_trained() -> None:
    file = shipped_file("bs_roformer_tiny")
    assert file is not None
    assert file.stat().st_size <= 8_000_000
    known = separation("bs_roformer_tiny")
    assert known.network == BS_ROFORMER_TINY
    assert fit_to_checkpoint(known, file).network == BS_ROFORMER_TINY
    assert (Path(file).parent / "README.md").is_file()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("decibels", [0, 6])
def test_recorded_speech_is_taken_out_of_noise(speech: Speech, mixed: Mixed, channels: int, decibels: int) -> None:
    bed = noise_bed(channels=channels)
    mix = mixed(bed, speech(44100), decibels)
    got = background_of(mix)
    assert improvement_db(mix, bed, got) > 5.0
    voice = (mix.waveform - bed.waveform).mean(0)
    assert residual((got.waveform - bed.waveform).mean(0), voice) < -8.0


@pytest.mark.parametrize("rate", [16000, 48000])
def test_it_works_at_other_rates(speech: Speech, mixed: Mixed, rate: int) -> None:
    from deepsound.media.audio import resample

    bed = resample(noise_bed(), rate)
    mix = mixed(bed, speech(rate), 6)
    assert improvement_db(mix, bed, background_of(mix)) > 5.0


def test_rumble_below_any_voice_stays_in_the_background(speech: Speech, mixed: Mixed) -> None:
    # The network alone took the slow sway of brown noise for voice, which made the background 12 dB worse.
    t = np.arange(6 * 44100) / 44100
    rumble = 0.2 * np.sin(2 * np.pi * (5 * t + np.sin(t)))
    bed = Audio.from_numpy(noise_bed().numpy() + rumble, 44100)
    mix = mixed(bed, speech(44100), 0)
    got = background_of(mix)
    taken = (mix.waveform - got.waveform)[0]
    spectrum = torch.fft.rfft(taken * torch.hann_window(len(taken))).abs().square()
    below = int(25 * len(taken) / 44100)
    assert float(spectrum[:below].sum() / spectrum.sum()) < 0.01
    assert improvement_db(mix, bed, got) > 5.0


def test_recorded_speech_is_taken_out_of_a_storm(storm: Audio, speech: Speech, mixed: Mixed) -> None:
    mix = mixed(storm, speech(44100), 6)
    assert improvement_db(mix, storm, background_of(mix)) > 4.0


def test_sound_without_a_voice_is_left_as_it_was_and_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a network was loaded")

    monkeypatch.setattr("deepsound.separate.roformer.load", refuse)
    model_cache().unload()
    bed = noise_bed()
    assert torch.equal(background_of(bed).waveform, bed.waveform)


def test_outside_what_is_spoken_not_one_sample_changes(speech: Speech) -> None:
    bed = noise_bed(8.0)
    words = speech(44100).waveform[:, : 3 * 44100]
    mix = Audio(bed.waveform + torch.nn.functional.pad(words, (4 * 44100, 44100)), 44100)
    got = background_of(mix)
    assert torch.equal(got.waveform[:, : 3 * 44100], mix.waveform[:, : 3 * 44100])
    assert not torch.equal(got.waveform[:, 4 * 44100 : 7 * 44100], mix.waveform[:, 4 * 44100 : 7 * 44100])


def test_the_gate_can_be_left_open() -> None:
    bed = noise_bed()
    stems = BSRoformerTinySeparator(gated=False).separate(bed, Progress())
    assert stems.voice.waveform.any()


def test_the_loudness_of_the_whole_changes_nothing(speech: Speech, mixed: Mixed) -> None:
    mix = mixed(noise_bed(), speech(44100), 3)
    quiet = Audio(0.01 * mix.waveform, 44100)
    assert torch.allclose(background_of(quiet).waveform, 0.01 * background_of(mix).waveform, atol=1e-5)
