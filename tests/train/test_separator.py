"""Tests of the embedded separator's training: seeded data, learning, resuming."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.io import wavfile

from deepsound.errors import InputError
from deepsound.train import backgrounds, report
from deepsound.train.losses import separation_loss, si_sdr
from deepsound.train.mixing import BackgroundLibrary, Examples, MixRecipe
from deepsound.train.separator import CHECK, Training, check, export, main
from deepsound.train.voices import SpokenVoices, SyntheticVoices, active_rms, fill, in_place, load

RATE = 44100
SCRIPT = Path(__file__).parents[2] / "scripts" / "render_speech.py"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> BackgroundLibrary:
    return BackgroundLibrary(tmp_path_factory.mktemp("backgrounds"), pieces=4, piece_s=2.5, seed=3)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A folder with two voices of one synthesiser, int16 at 16 kHz."""
    for name, hz in (("low", 110), ("high", 220)):
        folder = tmp_path / "train" / "made" / name
        folder.mkdir(parents=True)
        tone = 8000 * np.sin(2 * np.pi * hz * np.arange(32000) / 16000)
        wavfile.write(folder / "0000.wav", 16000, tone.astype(np.int16))
    return tmp_path / "train"


def examples(library: BackgroundLibrary, **recipe: float) -> Examples:
    return Examples(SyntheticVoices(), library, RATE, seed=5, recipe=MixRecipe(**recipe))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind, _ in backgrounds.KINDS])
def test_every_background_is_sound_and_comes_from_its_seed(kind) -> None:
    made, again = (kind(2.0, np.random.default_rng(4)) for _ in range(2))
    assert made.shape == (2 * RATE,)
    assert np.isfinite(made).all()
    assert np.abs(made).max() > 1e-3
    np.testing.assert_array_equal(made, again)


def test_backgrounds_are_equally_loud() -> None:
    for seed in range(6):
        made = backgrounds.background(5.0, np.random.default_rng(seed))
        assert np.sqrt(np.mean(made**2)) == pytest.approx(0.1, rel=1e-3)


def test_equal_arguments_give_equal_examples(library: BackgroundLibrary) -> None:
    for one, other in zip(examples(library).batch(7, 2), examples(library).batch(7, 2), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(examples(library).batch(7, 2)[0], examples(library).batch(8, 2)[0])


def test_a_mix_is_a_background_and_a_voice_at_the_level_asked_for(library: BackgroundLibrary) -> None:
    for step in range(6):
        both = examples(library, no_voice=0, no_background=0, voice_db=(6.0, 6.0))
        mixes, voices = both.batch(step, 1)
        assert mixes.shape == voices.shape == (1, 1, RATE)
        assert mixes.dtype == voices.dtype == np.float32
        bed = mixes - voices
        assert 20 * np.log10(active_rms(voices[0, 0]) / active_rms(bed[0, 0])) == pytest.approx(6, abs=0.5)


def test_some_examples_have_no_voice_and_some_nothing_else(library: BackgroundLibrary) -> None:
    mixes, voices = examples(library, no_voice=1.0).batch(0, 2)
    assert mixes.any()
    assert not voices.any()
    mixes, voices = examples(library, no_voice=0.0, no_background=1.0).batch(0, 2)
    np.testing.assert_allclose(mixes, voices, atol=1e-7)


def test_recorded_speech_is_brought_to_the_rate_and_gets_air(speech: Path) -> None:
    file = next(speech.rglob("*.wav"))
    slow = load(file, 1.0, np.random.default_rng(0))
    assert len(slow) == pytest.approx(2 * RATE, abs=2)
    assert len(load(file, 2.0, np.random.default_rng(0))) == pytest.approx(RATE, abs=2)
    hiss = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    wavfile.write(file, 16000, (3000 * hiss).astype(np.int16))
    spectra = [np.abs(np.fft.rfft(load(file, 1.0, np.random.default_rng(seed)))) for seed in range(12)]
    above = [spectrum[len(spectrum) // 2 :].mean() / spectrum[: len(spectrum) // 4].mean() for spectrum in spectra]
    assert min(above) < 0.01 < 0.05 < max(above)


def test_voices_in_rooms_stay_as_long_as_they_were() -> None:
    rng = np.random.default_rng(2)
    voice = fill(RATE, SyntheticVoices(), rng)
    placed = in_place(voice, rng)
    assert placed.shape == voice.shape == (RATE,)
    assert np.isfinite(placed).all()


def test_no_speech_is_an_error_that_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"render_speech\.py"):
        SpokenVoices(tmp_path)
    assert main(["--speech", str(tmp_path), "--work", str(tmp_path / "work")]) == 2


def test_the_loss_falls_towards_the_truth() -> None:
    generator = torch.Generator().manual_seed(0)
    voice, bed = (torch.randn(2, 1, RATE // 2, generator=generator) for _ in range(2))
    losses = [float(separation_loss(share * voice, voice, voice + bed)) for share in (0.0, 0.5, 0.9, 1.0)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(-3.0, abs=0.01)


def test_si_sdr_ignores_the_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    target, noise = (torch.randn(RATE, generator=generator) for _ in range(2))
    estimate = target + 0.1 * noise
    assert float(si_sdr(estimate, target)) == pytest.approx(20, abs=0.1)
    assert float(si_sdr(5 * estimate, target)) == pytest.approx(float(si_sdr(estimate, target)), abs=1e-3)


def test_the_check_passes() -> None:
    assert check() == 0


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    recipe = replace(CHECK, steps=4, save_every=2, validate_every=4, example_s=0.5)
    whole = Training(recipe, SyntheticVoices(), tmp_path / "whole")
    losses = list(whole.run())
    stopped = Training(recipe, SyntheticVoices(), tmp_path / "stopped")
    run = stopped.run()
    assert [next(run), next(run)] == losses[:2]
    stopped.save()
    resumed = Training(recipe, SyntheticVoices(), tmp_path / "stopped")
    resumed.resume()
    assert resumed.step == 2
    assert list(resumed.run()) == pytest.approx(losses[2:], abs=1e-5)
    for name, tensor in whole.average.items():
        assert torch.allclose(resumed.average[name], tensor, atol=1e-5), name
    assert json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[-1])["step"] == 4


def test_what_is_exported_is_half_as_large_but_for_the_rotation(tmp_path: Path) -> None:
    training = Training(replace(CHECK, steps=1, example_s=0.5, validate_every=99), SyntheticVoices(), tmp_path)
    training.learn()
    training.save()
    export(tmp_path / "checkpoint.pt", tmp_path / "out.safetensors")
    exported = load_file(tmp_path / "out.safetensors")
    assert exported.keys() == training.average.keys()
    for name, tensor in exported.items():
        assert tensor.dtype == (torch.float32 if name.endswith("freqs") else torch.float16)
        assert torch.allclose(tensor.float(), training.average[name], atol=1e-3)


def test_the_residual_is_what_is_left_of_the_voice() -> None:
    generator = torch.Generator().manual_seed(0)
    voice, other = (torch.randn(RATE, generator=generator) for _ in range(2))
    assert report.residual(0.1 * voice, voice) == pytest.approx(-20, abs=0.01)
    assert report.residual(0.1 * voice + 0.01 * other, voice) == pytest.approx(-20, abs=0.2)
    assert report.residual(torch.zeros(RATE), voice) < -100


def render_speech() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_speech", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["render_speech"] = module
    spec.loader.exec_module(module)
    return module


def test_held_out_voices_are_not_among_those_trained_on(tmp_path: Path) -> None:
    script = render_speech()
    wanted = list(script.utterances(tmp_path, random.Random(script.SEED)))  # noqa: S311
    again = list(script.utterances(tmp_path, random.Random(script.SEED)))  # noqa: S311
    assert wanted == again
    parts = {
        part: {
            utterance.target.parent.relative_to(tmp_path / part)
            for utterance in wanted
            if utterance.target.is_relative_to(tmp_path / part)
        }
        for part in ("train", "heldout")
    }
    assert parts["train"] and parts["heldout"]
    assert not parts["train"] & parts["heldout"]
    assert not any(path.parts[0] == "flite" for path in parts["train"])
    languages = {
        part: {path.name.split("+")[0] for path in paths if path.parts[0] == "espeak-ng"}
        for part, paths in parts.items()
    }
    assert not languages["train"] & languages["heldout"]
