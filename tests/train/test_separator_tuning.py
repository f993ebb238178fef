"""Tests of a separator's training on a user's sounds: losses, LoRA, resumption."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.io import wavfile

from deepsound.cli.main import main
from deepsound.errors import EngineError, InputError
from deepsound.runtime.progress import Progress
from deepsound.separate.checkpoints import shipped_file
from deepsound.train.mixing import BackgroundLibrary
from deepsound.train.sample_sources import SoundSources, sound_sources
from deepsound.train.separator_tuning import CHECKPOINT, SeparatorRecipe, SeparatorTuning
from deepsound.train.user_sounds import SoundFolder, UserBackgrounds, UserVoices
from tests import processes
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
    for wrong in (
        ["--base", "demucs"],
        ["--steps", "0"],
        ["--held_out", "2"],
        ["--lr", "5"],
        ["--seed", "-1"],
        ["--example_s", "nan"],
    ):
        assert main([*command, "-o", str(tmp_path), *wrong]) == 2


def test_a_gradient_that_is_no_number_stops_and_names_the_sounds(tuning, tmp_path: Path) -> None:
    run = tuning(tmp_path, save_every=1)
    run.learn()
    run.save()
    before = {name: value.detach().clone() for name, value in run._trained().items()}
    next(iter(run._trained().values())).register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(EngineError, match=r"step 2: .* a gradient that is none, on mixes of \d.wav.* last good check"):
        list(run.run(Progress()))
    assert all(torch.equal(value, before[name]) for name, value in run._trained().items())


def test_a_folder_with_the_checkpoint_of_another_recipe_is_refused(tuning, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft (extra `train`)")
    tuning(tmp_path, lora_rank=2).save()
    with pytest.raises(EngineError, match=r"got one with 2x\d+ for .*, which is 4x\d+ here"):
        tuning(tmp_path, lora_rank=4).resume()
    with pytest.raises(EngineError, match="name another folder"):
        tuning(tmp_path).resume()


def test_examples_longer_than_the_rendered_backgrounds_repeat_them(tmp_path: Path) -> None:
    library = BackgroundLibrary(tmp_path, 1, 0.5, 1)
    assert library.draw(30_000, np.random.default_rng(0)).shape == (30_000,)


def test_a_folder_of_one_file_is_said_not_to_be_held_out(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(sounds / "voices" / "0.wav", tmp_path / "one")
    found = sound_sources(tmp_path / "one", sounds / "backgrounds", tmp_path / "out", 0.5, 1, Progress())
    assert found.not_held_out == (tmp_path / "one",)


def test_the_start_is_not_replaced_by_its_result(sounds: Path, start: Path, tmp_path: Path) -> None:
    shutil.copy(start, tmp_path / "separator.safetensors")
    before = (tmp_path / "separator.safetensors").read_bytes()
    command = ["train", "separator", str(sounds / "voices"), "--base", NAME, "-o", str(tmp_path)]
    assert main([*command, "--weights", str(tmp_path / "separator.safetensors")]) == 2
    assert (tmp_path / "separator.safetensors").read_bytes() == before


@pytest.mark.slow
def test_of_two_processes_the_first_writes_the_result_and_both_end(sounds: Path, start: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["train", "separator", str(sounds / "voices"), "--backgrounds", str(sounds / "backgrounds")]
    command += ["--base", NAME, "--weights", str(start), "--steps", "2", "--batch", "2", "--example_s", "0.5"]
    run = [sys.executable, "-m", "deepsound", *command, "-o", str(tmp_path / "out"), "--json"]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    workers = [
        processes.start(run, env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    said = [worker.communicate(timeout=900)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [6, 6]
    assert json.loads(said[0])["steps"] == 2 and not said[1]
