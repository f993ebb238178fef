"""The golden runner itself: the stored set passes, and it fails when it should."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file, save_file

from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig
from deepsound.models.roformer.weights import network
from tests.goldens import demix
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


@pytest.mark.parametrize("content", ["{", "[]", "null", "{}", '{"cases": 3}', "[" * 5000])
def test_one_bad_file_is_one_failed_line_and_the_rest_runs(copy, content):
    before = len(run([copy]))
    (copy / "demix_standin.json").write_text(content)
    (bad,) = failures(copy)
    assert bad.file.name == "demix_standin.json" and "not compared to its end" in bad.problem
    assert 100 < len(run([copy])) < before


def test_damaged_tensors_are_one_failed_line(copy):
    (copy / "silence.safetensors").write_bytes((copy / "silence.safetensors").read_bytes()[:1000])
    (bad,) = failures(copy)
    assert bad.file.name == "silence.json" and bad.problem


def test_a_missing_key_fails_alone_and_the_rest_of_its_file_is_compared(tmp_path):
    golden = json.loads((STORED / "videollama2" / "prompts.json").read_text())
    del golden["tokenised_in_two_pieces"]
    (tmp_path / "prompts.json").write_text(json.dumps(golden))
    assert [outcome.output for outcome in failures(tmp_path)] == ["tokenised_in_two_pieces is not in the file"]
    assert len(run([tmp_path])) > 20


def test_chunk_sizes_are_those_that_the_file_describes(copy):
    """A file of chunks of 730 was compared with chunks of 1000, which were written into the comparison."""
    golden = json.loads((copy / "demix_standin.json").read_text())
    for name, text in golden["descriptions"].items():
        golden["descriptions"][name] = text.replace("chunk 1000, overlap 2, batch 4", "chunk 730, overlap 3, batch 2")
    (copy / "demix_standin.json").write_text(json.dumps(golden))
    tensors = load_file(copy / "demix_standin.safetensors")
    mix = torch.from_numpy(tensors["inputs/mix"][:, : tensors["outputs/tta_vocals"].shape[1]])
    case = {"chunk_size": 730, "num_overlap": 3, "batch_size": 2}
    made = demix.demix(mix, demix._standin, demix._settings(case, augment=True))
    tensors["outputs/tta_vocals"] = made.numpy()
    tensors["outputs/instrumental_no_tta"] = (mix - demix.demix(mix, demix._standin, demix._settings(case))).numpy()
    save_file(tensors, copy / "demix_standin.safetensors")
    assert failures(copy) == []


@pytest.mark.parametrize("family", ["bsr", "melband"])
def test_sizes_that_no_tensor_shows_are_not_compared(tmp_path, family):
    """Without a hidden layer in the mask's network its width, `mlp_expansion_factor`, leaves no trace."""
    name = {"bsr": "bsr_tiny", "melband": "melband_tiny"}[family]
    golden = json.loads((STORED / "bs_roformer" / f"{name}.json").read_text())
    golden["config"] |= {"mask_estimator_depth": 1 if family == "bsr" else 0, "mlp_expansion_factor": 3}
    config = (BSRoformerConfig if family == "bsr" else MelBandRoformerConfig).of(golden["config"])
    torch.manual_seed(0)
    model = network(config).eval()
    wave = torch.from_numpy(load_file(STORED / "bs_roformer" / f"{name}.safetensors")["inputs/wave"])
    with torch.no_grad():
        tensors = {f"weights/{key}": tensor for key, tensor in model.state_dict().items()}
        tensors |= {"inputs/wave": wave, "outputs/recon": model(wave)[:, 0]}
    save_file({key: tensor.numpy().copy() for key, tensor in tensors.items()}, tmp_path / f"{name}.safetensors")
    (tmp_path / f"{name}.json").write_text(json.dumps(golden))
    (one,) = run([tmp_path])
    assert one.passed, one.line()


def test_an_empty_folder_fails(tmp_path):
    assert failures(tmp_path)[0].problem == "no golden files here"


def test_every_golden_says_what_it_was_made_with():
    lacking = [path for path in sorted(STORED.rglob("*.json")) if not json.loads(path.read_text()).get("made_with")]
    assert len(list(STORED.rglob("*.json"))) > 50
    assert not lacking
