"""Tests of a separator's training on a user's sounds: losses, LoRA, resumption."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.io import wavfile

from deepsound.cli.main import main
from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import shipped_file
from deepsound.train.sample_sources import SoundSources, sound_sources
from deepsound.train.separator_tuning import CHECKPOINT, SeparatorRecipe, SeparatorTuning
from deepsound.train.user_sounds import SoundFolder, UserBackgrounds, UserVoices
from tests.separate import small

pytest.importorskip("accelerate", reason="training needs accelerate (extra `train`)")

NAME = "bs_roformer"
RECIPE = SeparatorRecipe(steps=4, batch=2, example_s=0.5, save_every=2, validate_every=9, warm_up=1, averaging=0.5)


@pytest.fixture(autouse=True)
def gradients():
    with torch.enable_grad():
        yield


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders voices/ and backgrounds/ of two sounds each, and a file that is none."""
    root = tmp_path_factory.mktemp("sounds")
    times = np.arange(44100) / 44100
    for folder, hz in (("voices", 160), ("backgrounds", 3000)):
        (root / folder).mkdir()
        for number in range(2):
            tone = 0.2 * np.sin(2 * np.pi * hz * (1 + number / 5) * times)
            wavfile.write(root / folder / f"{number}.wav", 44100, (tone * 32767).astype(np.int16))
    (root / "voices" / "torn.wav").write_bytes(b"RIFF")
    return root


@pytest.fixture(scope="module")
def sources(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> SoundSources:
    out = tmp_path_factory.mktemp("cache")
    return sound_sources(sounds / "voices", sounds / "backgrounds", out, 0.5, 1, Progress())


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small separator whose settings lie beside it."""
    return small.write(tmp_path_factory.mktemp("start") / "small.safetensors")


@pytest.fixture
def tuning(sources: SoundSources, start: Path) -> Callable[..., SeparatorTuning]:
    def make(out: Path, **changes: object) -> SeparatorTuning:
        return SeparatorTuning(NAME, start, replace(RECIPE, **changes), sources, out)  # type: ignore[arg-type]

    return make


def test_files_are_held_out_and_what_cannot_be_read_is_named(sounds: Path, sources: SoundSources, tmp_path) -> None:
    assert [Path(problem.id).name for problem in sources.problems] == ["torn.wav"]
    used = [source.files for voices in (sources.train, sources.held_out) for source in voices]  # type: ignore[attr-defined]
    assert not set(used[0]) & set(used[2]) and not set(used[1]) & set(used[3])
    folder = SoundFolder(sounds / "voices", tmp_path)
    rng = np.random.default_rng(0)
    assert UserVoices(folder, folder.files).speak(rng).shape == (44100,)
    assert UserBackgrounds(folder, folder.files).draw(100_000, rng).shape == (100_000,)
    for empty in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError):
            SoundFolder(empty, tmp_path / "cache")


@pytest.mark.parametrize("changes", [{"loss": "own"}, {"loss": "paper"}, {"lora_rank": 2}])
def test_the_loss_of_the_same_mix_falls(tuning, tmp_path: Path, changes: dict) -> None:
    if "lora_rank" in changes:
        pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    run = tuning(tmp_path, learning_rate=1e-3, **changes)
    mix, target = run._examples(run.examples, 0, 0, 2)
    with torch.no_grad():
        before = float(run.loss(mix, target))
    run._examples = lambda *_: (mix, target)  # type: ignore[method-assign]
    for _ in run.run(Progress()):
        pass
    with torch.no_grad():
        assert float(run.loss(mix, target)) < before


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tuning, tmp_path: Path) -> None:
    whole = tuning(tmp_path / "whole")
    losses = list(whole.run(Progress()))
    stopped = tuning(tmp_path / "stopped").run(Progress())
    assert [next(stopped), next(stopped)] == losses[:2]
    # The generator was stopped behind its second step, which it has saved.
    next(stopped, None)
    resumed = tuning(tmp_path / "stopped")
    assert resumed.resume() and resumed.step == 2
    assert list(resumed.run(Progress())) == losses[2:]
    exported = load_file(resumed.export())
    assert all(torch.equal(tensor, exported[name]) for name, tensor in load_file(whole.export()).items())


def test_lora_merged_equals_lora_applied(tuning, start: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    from deepsound.separate.checkpoints import fit_to_checkpoint, load, separation

    run = tuning(tmp_path, lora_rank=2, learning_rate=1e-2, averaging=0.0)
    for _ in run.run(Progress()):
        pass
    mix = torch.randn(1, run.known.network.channels, 22050) * 0.1
    with torch.no_grad():
        applied = run.network.eval()(mix)
        file = run.export()
        merged = load(fit_to_checkpoint(separation(NAME), file).network, file, torch.float32)(mix)
    assert (applied - merged).abs().max() < 1e-5
    name = "layers.0.0.layers.0.0.to_qkv.weight"
    assert not torch.equal(load_file(file)[name], load_file(start)[name])


def test_a_separator_starts_from_nothing(sounds: Path, tmp_path: Path, capsys) -> None:
    command = ["train", "separator", str(sounds / "voices"), "--backgrounds", str(sounds / "backgrounds")]
    short = ["--steps", "1", "--batch", "1", "--example_s", "0.5", "-o", str(tmp_path), "--json"]
    assert main([*command, *short, "--from_nothing", "--seed", "5"]) == 6
    report = json.loads(capsys.readouterr().out)
    # There is nothing that could be scored before.
    assert report["weights_id"] == "bs_roformer_tiny" and set(report["si_sdri_db"]) == {"after"}
    shipped, got = load_file(shipped_file("bs_roformer_tiny")), load_file(report["file"])  # type: ignore[arg-type]
    assert shipped.keys() == got.keys()
    name = "layers.0.0.layers.0.0.to_qkv.weight"
    # Far from the shipped weights: one step at a warm-up's rate moves none of them by more than 1e-4.
    assert (shipped[name].float() - got[name]).abs().mean() > 1e-2


def test_the_command_trains_and_reports(sounds: Path, start: Path, tmp_path: Path, capsys) -> None:
    command = ["train", "separator", str(sounds / "voices"), "--backgrounds", str(sounds / "backgrounds")]
    command += ["--base", NAME, "--weights", str(start)]
    short = ["--steps", "1", "--batch", "1", "--example_s", "0.5", "-o", str(tmp_path), "--json"]
    assert main([*command, *short]) == 6
    report = json.loads(capsys.readouterr().out)
    assert report["weights_id"] == "bs_roformer/ep_317" and set(report["si_sdri_db"]) == {"before", "after"}
    assert {"report.md", "report.png", "separator.json", CHECKPOINT} <= {path.name for path in tmp_path.iterdir()}
    assert "torn.wav" in report["left_out"][0]
    for wrong in (["--base", "demucs"], ["--steps", "0"], ["--held_out", "2"], ["--lr", "5"]):
        assert main([*command, "-o", str(tmp_path), *wrong]) == 2
