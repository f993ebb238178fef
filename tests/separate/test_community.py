"""The separator `roformer`: files by name, path and combination; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from deepsound import engines
from deepsound.errors import EngineError, InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.separate.community import checkpoints
from deepsound.types import Audio
from deepsound.weights.search_paths import default_search_paths, register_model_folders
from tests.separate.small import SMALL, SMALL_MEL, write

pytestmark = pytest.mark.usefixtures("nothing_at_hand")


def with_yaml(path: Path, config: object) -> Path:
    """A small checkpoint with the YAML that the community publishes beside it."""
    write(path, config)  # type: ignore[arg-type]
    settings = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").unlink()
    settings["training"] = {"instruments": ["vocals", "other"], "target_instrument": "vocals", "lr": 1e-5}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models = tmp_path / "models"
    with_yaml(models / "separation" / "big_beta5e.ckpt", SMALL)
    with_yaml(models / "separation" / "mel_karaoke.ckpt", SMALL_MEL)
    register_model_folders([models])
    return models / "separation"


def sound() -> Audio:
    return Audio(0.2 * torch.randn(2, 30_000, generator=torch.Generator().manual_seed(3)), 44100)


def separated(name: str, **weights: Path) -> torch.Tensor:
    stems = engines.separator(name, Execution(device="cpu", weights=weights)).separate(sound(), Progress())
    assert torch.allclose(stems.voice.waveform + stems.background.waveform, sound().waveform, atol=1e-6)
    return stems.voice.waveform


@pytest.mark.parametrize("file", ["big_beta5e.ckpt", "mel_karaoke.ckpt"])
def test_a_file_of_either_family_is_run_by_its_name_or_path(folder, file):
    by_name = separated(f"roformer:{file}")
    assert by_name.abs().max() > 0
    assert torch.equal(by_name, separated("roformer", roformer=folder / file))


def test_files_of_one_s_own_are_voted_on(folder):
    both = separated("roformer:big_beta5e.ckpt+roformer:mel_karaoke.ckpt")
    apart = [separated(f"roformer:{file}") for file in ("big_beta5e.ckpt", "mel_karaoke.ckpt")]
    assert torch.allclose(both, (apart[0] + apart[1]) / 2, atol=1e-6)


def test_silence_runs_no_network_and_the_settings_in_use_are_the_file_s(folder):
    engine = engines.separator("roformer:big_beta5e.ckpt", Execution(device="cpu"))
    silent = Audio(torch.zeros(1, 8000), 8000)
    assert not engine.separate(silent, Progress()).voice.waveform.any()
    assert engine.settings_in_use()["batch"] == 4


def test_files_are_listed_by_name_and_the_record_names_the_one_in_use(folder):
    assert [path.name for path in checkpoints(default_search_paths())] == ["big_beta5e.ckpt", "mel_karaoke.ckpt"]
    assert engines.separator("roformer:mel_karaoke.ckpt").files() == {"separator": folder / "mel_karaoke.ckpt"}


@pytest.mark.parametrize("name", ["absent.ckpt", "../models/separation/big_beta5e.ckpt", "/etc/passwd", "..", "*.ckpt"])
def test_a_name_that_is_not_in_the_folder_is_refused_and_the_others_are_named(folder, name):
    with pytest.raises(EngineError, match=r"which is not there\. There: big_beta5e\.ckpt, mel_karaoke\.ckpt"):
        separated(f"roformer:{name}")


def test_without_a_file_the_ways_to_name_one_are_said(folder):
    with pytest.raises(InputError, match=r"name it as roformer:FILE, or with --weights roformer=PATH"):
        separated("roformer")


def test_an_unknown_network_without_its_configuration_is_refused(folder):
    (folder / "big_beta5e.yaml").unlink()
    with pytest.raises(EngineError, match=r"match no network this project knows.*big_beta5e\.yaml"):
        separated("roformer:big_beta5e.ckpt")


def test_a_checkpoint_whose_only_stem_is_no_voice_is_refused(folder):
    path = folder / "big_beta5e.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["training"]["target_instrument"] = "drums"
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(EngineError, match=r"target_instrument is 'drums'; expected vocals"):
        separated("roformer:big_beta5e.ckpt")
