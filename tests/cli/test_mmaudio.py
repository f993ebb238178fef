"""Tests of `deepsound run --generator mmaudio_...` on tiny weights, end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.media.clip import Clip
from tests.generate.mmaudio import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")


def run(clip: Path, out: Path, *flags: str | Path) -> int:
    return main(
        [
            "run",
            str(clip),
            "--generator",
            "mmaudio_small_16k",
            "--steps",
            "2",
            "--device",
            "cpu",
            "--quiet",
            "-o",
            str(out),
            *map(str, flags),
        ]
    )


def test_a_run_from_files_to_the_finished_video(short_video: Path, mmaudio_models: Path, tmp_path: Path) -> None:
    assert (
        run(short_video, tmp_path / "out", "--models", mmaudio_models, "--prompt", "rain", "--cfg", "3", "--seed", "5")
        == 0
    )
    sound = Clip.open(tmp_path / "out" / "clip.mp4").audio()
    assert sound is not None
    assert sound.sample_rate == 16000
    assert sound.samples == 19200
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["generator"]["name"] == "mmaudio_small_16k"
    assert (record["request"]["steps"], record["request"]["guidance"], record["request"]["seed"]) == (2, 3.0, 5)


def test_the_record_names_every_file_of_weights_with_its_hash(
    short_video: Path, mmaudio_models: Path, tmp_path: Path
) -> None:
    assert run(short_video, tmp_path / "out", "--models", mmaudio_models) == 0
    used = {row["role"]: row for row in json.loads((tmp_path / "out" / "clip.result.json").read_text())["weights"]}
    assert set(used) == {"flow", "autoencoder", "vocoder", "clip", "synchformer"}
    flow = mmaudio_models / tiny.PUBLISHED["flow"]
    assert used["flow"]["path"] == str(flow)
    assert used["flow"]["bytes"] == flow.stat().st_size
    assert used["flow"]["sha256"] == hashlib.sha256(flow.read_bytes()).hexdigest()


def test_weights_are_named_one_by_one_too(short_video: Path, mmaudio_models: Path, tmp_path: Path) -> None:
    ids = {
        "mmaudio/small_16k": "flow",
        "mmaudio/vae_16k": "vae",
        "mmaudio/vocoder_16k": "vocoder",
        "clip/dfn5b_h14_384": "clip",
        "synchformer/visual": "synchformer",
    }
    named = [f"--weights={name}={mmaudio_models / tiny.PUBLISHED[role]}" for name, role in ids.items()]
    assert (
        run(short_video, tmp_path / "out", *named, f"--weights=clip/bpe={mmaudio_models / 'mmaudio' / 'merges.txt'}")
        == 0
    )


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        ([], 4, "mmaudio_small_16k: 6 sets of weights are not on this machine"),
        (["--weights", "mmaudio/small_16k"], 2, "is not of the form ID=PATH"),
        (["--weights", "mmaudio/small_16k=/nowhere/a.pth"], 4, "there is no such file"),
        (["--device", "warp"], 2, "The device 'warp' cannot be used"),
        (["--duration", "0.2"], 2, "at least 0.64 s"),
        (["--steps", "0"], 2, "--num_steps: expected a whole number from 1"),
        (["--cfg", "nan"], 2, "--cfg_strength: expected a finite number from 0"),
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


def test_download_is_tried_only_when_asked_and_offline_says_so(
    short_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(short_video, tmp_path / "out", "--download") == 4
    assert "HF_HUB_OFFLINE" in capsys.readouterr().err
