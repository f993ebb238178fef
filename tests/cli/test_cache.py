"""`deepsound cache` and `deepsound models remove`: what is deleted, and what stays."""

import json
import os
import time

import pytest
import torch
from safetensors.torch import save_file

from deepsound.cli.main import main
from tests.weights.conftest import bare_machine  # noqa: F401 - the fixture is used by being here


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder with features old and new, a measurement and weights that were downloaded into it."""
    folder = tmp_path / "cache"
    for name in ("features/old.safetensors", "features/new.safetensors", "mmaudio/v1-16.pth", "cpu_precision.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 1000)
    month_ago = time.time() - 30 * 86400
    os.utime(folder / "features/old.safetensors", (month_ago, month_ago))
    monkeypatch.setenv("DEEPSOUND_HOME", str(folder))
    return folder


def test_the_size_says_how_much_pruning_frees(cache, capsys):
    assert main(["cache", "size", "--json"]) == 0
    sizes = {"schema_version": 1, "folder": str(cache), "bytes": 4000, "prunable_bytes": 3000}
    assert json.loads(capsys.readouterr().out) == sizes


def test_pruning_leaves_weights_and_what_is_new_enough(cache, capsys):
    assert main(["cache", "prune", "--older-than", "7d", "--json"]) == 0
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == ["features/old.safetensors"]
    assert main(["cache", "prune"]) == 0
    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == ["v1-16.pth"]


def test_a_folder_that_is_not_there_is_empty(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "none"))
    assert main(["cache", "list"]) == 0
    assert "empty" in capsys.readouterr().out


@pytest.mark.parametrize("age", ["7", "d", "-1d", "nand"])
def test_an_age_without_its_unit_is_a_bad_argument(age, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["cache", "prune", f"--older-than={age}"])
    assert stopped.value.code == 2
    assert "as in 7d" in capsys.readouterr().err


@pytest.mark.usefixtures("bare_machine")
def test_removing_deletes_the_download_and_leaves_another_program_s_copy(tmp_path, capsys):
    mine = tmp_path / "models" / "mmaudio" / "v1-16.pth"
    theirs = tmp_path / "models" / "mmaudio" / "mmaudio_vae_16k_fp16.safetensors"
    mine.parent.mkdir(parents=True)
    torch.save({"a": torch.ones(3)}, mine)
    save_file({"a": torch.ones(3)}, theirs)
    command = ["models", "remove", "mmaudio/vae_16k", "--models", str(tmp_path / "models")]
    assert main([*command, "--yes", "--json"]) == 0
    (removal,) = json.loads(capsys.readouterr().out)
    assert removal["removed"] and removal["paths"] == [str(mine)]
    assert not mine.exists()
    assert theirs.exists()


@pytest.mark.usefixtures("bare_machine")
def test_removing_without_a_terminal_needs_yes(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    mine = tmp_path / "models" / "mmaudio" / "v1-16.pth"
    mine.parent.mkdir(parents=True)
    torch.save({"a": torch.ones(3)}, mine)
    assert main(["models", "remove", "mmaudio/vae_16k", "--models", str(tmp_path / "models")]) == 2
    told = capsys.readouterr().err
    assert str(mine) in told
    assert "--yes" in told
    assert mine.exists()
