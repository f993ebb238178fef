"""The golden runner itself: the stored set passes, and it fails when it should."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tests.goldens.runner import run

STORED = Path(__file__).parent / "goldens"


def test_the_stored_goldens_pass():
    outcomes = run([STORED])
    assert len(outcomes) > 80
    assert [outcome.line() for outcome in outcomes if not outcome.passed] == []


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(STORED / "bs_roformer", tmp_path / "set")
    return tmp_path / "set"


def failures(folder):
    return [outcome for outcome in run([folder]) if not outcome.passed]


def test_a_wrong_verdict_fails(copy):
    golden = json.loads((copy / "silence.json").read_text())
    golden["cases"][0]["is_silent"] = not golden["cases"][0]["is_silent"]
    (copy / "silence.json").write_text(json.dumps(golden))
    assert [outcome.output for outcome in failures(copy)] == [f"{golden['cases'][0]['name']}/is_silent"]


def test_a_changed_tensor_fails(copy):
    tensors = load_file(copy / "silence.safetensors")
    tensors["outputs/noise_-40dB/rms"] = tensors["outputs/noise_-40dB/rms"] * 1.001
    save_file(tensors, copy / "silence.safetensors")
    assert [outcome.output for outcome in failures(copy)] == ["noise_-40dB/rms"]


def test_an_unknown_file_is_a_failure_not_a_skip(copy):
    (copy / "mystery.json").write_text("{}")
    assert [outcome.problem for outcome in failures(copy)] == ["no component of this project claims this file"]


def test_tensors_without_their_json_fail(copy):
    (copy / "silence.json").rename(copy / "silence_other.json")
    assert any("without a JSON" in outcome.problem for outcome in failures(copy))


def test_an_empty_folder_fails(tmp_path):
    assert failures(tmp_path)[0].problem == "no golden files here"
