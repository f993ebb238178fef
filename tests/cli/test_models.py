"""`deepsound models`: tables for people, JSON for programs, exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from deepsound.cli.main import main
from deepsound.weights import catalogue, transfer
from deepsound.weights.catalogue import everything, read_entry
from tests.processes import start
from tests.waiting import wait_until
from tests.weights.conftest import bare_machine, put  # noqa: F401 - the fixture is used by being here
from tests.weights.hub import serving

ROOT = Path(__file__).parents[2]
DATA = save({"a": torch.ones(10)})


@pytest.fixture
def models(tmp_path):
    """A ComfyUI models folder that holds two of MMAudio's files, one of them of another pack."""
    folder = tmp_path / "models" / "mmaudio"
    folder.mkdir(parents=True)
    torch.save({"a": torch.linspace(0, 1, 9)}, folder / "v1-16.pth")
    save_file({"a": torch.ones(3)}, folder / "mmaudio_synchformer_fp16.safetensors")
    return tmp_path / "models"


@pytest.fixture
def hub(monkeypatch):
    """A hub with one network and a catalogue that knows where it is."""
    monkeypatch.setattr(transfer, "PAUSE_S", 0.02)
    with serving() as running:
        running.files["someone/model/w.safetensors"] = DATA
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        entry = read_entry(
            {
                "schema_version": 1,
                "id": "test/w",
                "what": "a test's network",
                "engines": ["tester"],
                "place": "test",
                "licence": {"name": "CC-BY-NC-4.0", "commercial": False},
                "layouts": {"models": ["test/w"]},
                "files": [
                    {
                        "name": "w.safetensors",
                        "bytes": len(DATA),
                        "sources": [{"hub": "someone/model", "file": "w.safetensors"}],
                    }
                ],
            }
        )
        monkeypatch.setattr(catalogue, "_entries", lambda: {"test/w": entry})
        yield running


def run(capsys, *arguments):
    status = main(["models", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_json(capsys, *arguments):
    status, out, _ = run(capsys, *arguments, "--json")
    return status, json.loads(out)


@pytest.mark.parametrize("width", ["80", "140"])
def test_the_list_is_whole_at_any_width(capsys, monkeypatch, models, width):
    monkeypatch.setenv("COLUMNS", width)
    status, out, _ = run(capsys, "list", "--models", models)
    assert status == 0 and "…" not in out
    for entry in everything():
        assert entry.id in out
    (line,) = [line for line in out.splitlines() if "mmaudio/vae_16k" in line]
    assert "yes" in line and "687 MB" in line and "CC-BY-NC-4.0 non-commercial" in line
    (engine,) = [line for line in out.splitlines() if "mmaudio_large_44k_v2" in line and "GB" in line]
    assert "10.73 GB" in engine and "9.78 GB" in engine and "no" in engine


def test_the_list_of_an_engine_as_json(capsys, models):
    status, listed = run_json(capsys, "list", "--engine", "mmaudio_small_16k", "--models", models)
    assert status == 0
    by_id = {entry["id"]: entry for entry in listed}
    assert set(by_id) == {
        "mmaudio/small_16k",
        "mmaudio/vae_16k",
        "mmaudio/vocoder_16k",
        "synchformer/visual",
        "clip/dfn5b_h14_384",
        "clip/bpe",
    }
    assert by_id["mmaudio/vae_16k"]["path"] == str(models / "mmaudio" / "v1-16.pth")
    assert by_id["mmaudio/small_16k"]["path"] is None and by_id["mmaudio/small_16k"]["bytes_exact"]
    assert by_id["mmaudio/small_16k"]["licence"]["commercial"] is False
    assert by_id["mmaudio/small_16k"]["memory"]["bf16"] == 2 * 157_283_644


def test_the_memory_table_counts_by_precision(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = run(capsys, "list", "--memory")
    assert status == 0 and "…" not in out
    (line,) = [line for line in out.splitlines() if "videollama2/av_cot" in line]
    assert line.split() == ["videollama2/av_cot", "8,527.1", "M", "34.11", "17.05", "10.53", "7.37"]
    assert "nobody states" in out


def test_where_tells_what_is_used_and_what_is_searched(capsys, models, tmp_path):
    status, out, _ = run(capsys, "where", "--models", models)
    assert status == 0 and str(models / "mmaudio" / "v1-16.pth") in out and "2 of " in out
    assert str(models) in out and str(tmp_path / "own") in out and "missing" not in out
    status, out, _ = run(capsys, "where", "mmaudio/vae_44k", "--models", models)
    assert status == 4 and f"missing; goes to {models / 'mmaudio' / 'v1-44.pth'}" in out
    status, found = run_json(capsys, "where", "mmaudio/vae_16k", "--models", models)
    assert status == 0 and found["weights"] == [
        {
            "id": "mmaudio/vae_16k",
            "path": str(models / "mmaudio" / "v1-16.pth"),
            "also": [],
            "download_to": str(models / "mmaudio" / "v1-16.pth"),
        }
    ]


def test_comfyui_s_folder_is_known_by_its_variable(capsys, models, monkeypatch):
    monkeypatch.setenv("COMFYUI_PATH", str(models.parent))
    _, found = run_json(capsys, "where", "mmaudio/vae_16k")
    assert found["weights"][0]["path"] == str(models / "mmaudio" / "v1-16.pth")


def test_a_download_says_its_licence_and_where_it_went(capsys, hub, tmp_path):
    status, out, err = run(capsys, "download", "tester")
    path = tmp_path / "own" / "test" / "w.safetensors"
    assert status == 0 and out == "" and path.read_bytes() == DATA
    assert "not for commercial use" in err and str(path) in err.replace("\n", "")
    hub.asked.clear()
    status, fetched = run_json(capsys, "download", "test/w")
    assert (
        status == 0
        and fetched
        == [
            {
                "schema_version": 1,
                "id": "test/w",
                "path": str(path),
                "fetched": False,
                "licence": {"name": "CC-BY-NC-4.0", "commercial": False, "note": ""},
            }
        ]
        and hub.asked == []
    )


def test_a_download_goes_where_other_packs_find_it(capsys, hub, tmp_path):
    (tmp_path / "models").mkdir()
    status, fetched = run_json(capsys, "download", "tester", "--models", tmp_path / "models", "--quiet")
    assert status == 0 and fetched[0]["path"] == str(tmp_path / "models" / "test" / "w.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_stops_a_download_at_once_and_keeps_what_came(hub, tmp_path):
    hub.files["KimberleyJSN/melbandroformer/MelBandRoformer.ckpt"] = bytes(10_000_000)
    hub.seconds_per_block = 0.05  # 30 s for all of it: what came when it ends shows that it stopped in the middle
    process = start(
        [sys.executable, "-m", "deepsound", "models", "download", "mel_band_roformer"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    folder = tmp_path / "own" / "separation"
    wait_until(lambda: any(path.stat().st_size for path in folder.glob(".*.partial.ckpt")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "stopped" in err and "Traceback" not in err
    assert [path.suffix for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"] == [".ckpt"]
    assert not (folder / "MelBandRoformer.ckpt").exists()


def test_offline_is_explained(capsys, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, out, err = run(capsys, "download", "tester")
    assert status == 4 and out == "" and "HF_HUB_OFFLINE" in err and "w.safetensors" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["download", "mmaudio_huge"], 2, "mmaudio_large_44k"),
        (["list", "--engine", "nothing"], 2, "neither an engine"),
        (["convert", "mmaudio/vae_44k"], 4, "deepsound models download mmaudio/vae_44k"),
        (["convert", "no/such.pth"], 2, "There is no file no/such.pth"),
        (["verify", "mmaudio/vae_44k"], 4, ""),
    ],
)
def test_mistakes_have_their_exit_codes(capsys, arguments, status, message):
    returned, _, err = run(capsys, *arguments)
    assert returned == status and message in err


def test_verify_tells_good_from_bad(capsys, models):
    put(models / "mmaudio" / "mmaudio_small_16k.pth", b"<html>not found</html>")
    status, out, _ = run(capsys, "verify", "--models", models)
    lines = out.splitlines()
    assert status == 4 and len(lines) == 3
    assert any("damaged" in line and "mmaudio/small_16k" in line and "web page" in line for line in lines)
    assert any("damaged" in line and "mmaudio/vae_16k" in line and "should have 686652758" in line for line in lines)
    status, checked = run_json(capsys, "verify", "mmaudio/vae_16k", "--models", models)
    assert status == 4 and checked[0]["status"] == "damaged" and checked[0]["path"].endswith("v1-16.pth")


def test_verify_on_a_bare_machine(capsys):
    status, out, _ = run(capsys, "verify")
    assert status == 0 and "None of the weights" in out


def test_convert_by_file_and_by_id(capsys, models):
    source = models / "mmaudio" / "v1-16.pth"
    status, converted = run_json(capsys, "convert", source, "--to", "fp16")
    assert status == 0 and load_file(converted["path"])["a"].dtype == torch.float16
    status, _, err = run(capsys, "convert", "mmaudio/vae_16k", "--to", "bf16", "--models", models)
    assert status == 0 and (source.parent / "v1-16_bf16.safetensors").is_file() and "v1-16_bf16.safetensors" in err
    status, _, err = run(capsys, "convert", source, "--to", "fp16")
    assert status == 5 and "exists already" in err
    assert run(capsys, "convert", source, "--to", "fp16", "--overwrite")[0] == 0
