"""Tests of `deepsound run --generator foleycrafter` on tiny weights, end to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.media.clip import Clip
from tests.generate.foleycrafter import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published(tmp_path_factory.mktemp("models"))


def run(clip: Path, out: Path, *flags: str | Path) -> int:
    return main(
        [
            "run",
            str(clip),
            "--step1_mode",
            "foleycrafter",
            "--steps",
            "1",
            "--device",
            "cpu",
            "--quiet",
            "-o",
            str(out),
            *map(str, flags),
        ]
    )


def test_a_run_from_files_to_the_finished_video(short_video: Path, models: Path, tmp_path: Path) -> None:
    flags = ["--prompt", "rain", "--cfg", "3", "--seed", "5", "--temporal_scale", "0.5"]
    assert run(short_video, tmp_path / "out", "--models", models, *flags) == 0
    sound = Clip.open(tmp_path / "out" / "clip.mp4").audio()
    assert sound is not None
    assert (sound.sample_rate, sound.samples) == (16000, 19200)
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["generator"]["name"] == "foleycrafter"
    assert (record["request"]["steps"], record["request"]["guidance"], record["request"]["seed"]) == (1, 3.0, 5)
    used_settings = record["engine_settings"]["foleycrafter"]
    assert used_settings == {
        "temporal_scale": 0.5,
        "semantic_scale": 1.0,
        "clip_frames": 150,
        "device": "cpu",
        "precision": "fp32",
    }
    used = {row["role"]: row for row in record["weights"]}
    assert used["temporal_adapter"]["path"] == str(models / tiny.FILES["temporal_adapter"])
    assert all(len(row["sha256"]) == 64 for row in used.values()) and len(used) == 8


def test_weights_are_named_one_by_one_too(short_video: Path, models: Path, tmp_path: Path) -> None:
    paths = tiny.FILES | tiny.FOLDERS
    named = [f"--weights=foleycrafter/{name}={models / path}" for name, path in paths.items()]
    assert run(short_video, tmp_path / "out", *named) == 0


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        ([], 4, "foleycrafter: 6 sets of weights are not on this machine"),
        (["--weights", "foleycrafter/vocoder=/nowhere/a.pt"], 4, "there is no such file"),
        (["--steps", "0"], 2, "steps: expected a whole number from 1"),
        (["--cfg", "nan"], 2, "--cfg_strength: expected a finite number from 0"),
        (["--temporal_scale", "11"], 2, "temporal scale"),
        (["--semantic_scale", "nan"], 2, "--semantic-scale: expected a finite number from 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    short_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    status: int,
    message: str,
) -> None:
    try:
        assert run(short_video, tmp_path / "out", *flags) == status
    except SystemExit as ended:  # A flag's own refusal.
        assert ended.code == status
    assert message in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_without_diffusers_it_says_what_to_install(
    short_video: Path,
    models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert run(short_video, tmp_path / "out", "--models", models) == 4
    assert "pip install diffusers" in capsys.readouterr().err


def test_it_is_listed_with_or_without_its_libraries(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    assert main(["engines", "--json"]) == 0
    assert "foleycrafter" in {row["name"] for row in json.loads(capsys.readouterr().out)}
