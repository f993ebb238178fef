"""Tests of `deepsound run --separator` on small checkpoints that are real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepsound.cli.main import main
from deepsound.media.audio import decode_audio
from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig
from deepsound.types import Audio
from tests.separate.small import SMALL, SMALL_MEL, write

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

PUBLISHED = [
    ("bs_roformer", "bs_roformer/ep_317", SMALL),
    ("mel_band_roformer", "mel_band_roformer/kim", SMALL_MEL),
    ("mel_band_roformer_viperx", "mel_band_roformer/ep_3005", SMALL_MEL),
]


@pytest.fixture
def narrated(
    make_video: Callable[..., Path],
    storm: Audio,
    speech: Callable[..., Audio],
    mixed: Callable[[Audio, Audio, float], Audio],
) -> Path:
    """A clip of a storm that somebody talks over, with nobody in the picture."""
    return make_video("clip.mp4", seconds=storm.duration_s, audio=mixed(storm, speech(storm.sample_rate), 6))


def run(clip: Path, out: Path, *flags: str | Path) -> int:
    return main(
        ["run", str(clip), "--generator", "source", "--device", "cpu", "--quiet", "-o", str(out), *map(str, flags)]
    )


def record(out: Path) -> dict:
    return json.loads((out / "clip.result.json").read_text())


@pytest.mark.parametrize(("name", "weights", "config"), PUBLISHED)
def test_a_named_file_separates(
    narrated: Path, tmp_path: Path, name: str, weights: str, config: BSRoformerConfig | MelBandRoformerConfig
) -> None:
    file = write(tmp_path / "own" / "mine.ckpt", config)
    assert run(narrated, tmp_path / "out", "--separator", name, "--weights", f"{weights}={file}") == 0
    made = record(tmp_path / "out")
    assert made["verdict"] == "yes"
    assert made["engines"]["separator"]["name"] == name
    assert [Path(row["path"]) for row in made["weights"] if row["engine"] == name] == [file]
    step1, step3 = (decode_audio(tmp_path / "out" / f"clip.step{step}.wav").numpy() for step in (1, 3))
    assert step1.shape == step3.shape
    assert not np.allclose(step1, step3, atol=1e-3)


def test_the_published_file_is_found_in_a_models_folder(narrated: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "models" / "separation" / "model_bs_roformer_ep_317_sdr_12.9755.ckpt")
    assert run(narrated, tmp_path / "out", "--separator", "bs_roformer", "--models", tmp_path / "models") == 0
    assert [Path(row["path"]) for row in record(tmp_path / "out")["weights"]] == [file]


def test_weights_that_are_nowhere_are_named_and_nothing_is_written(
    narrated: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(narrated, tmp_path / "out", "--separator", "bs_roformer") != 0
    said = capsys.readouterr().err
    assert "model_bs_roformer_ep_317_sdr_12.9755.ckpt" in said
    assert "deepsound models download bs_roformer" in said
    assert not list((tmp_path / "out").glob("*"))


def test_the_small_network_of_the_package_separates_unless_another_is_named(narrated: Path, tmp_path: Path) -> None:
    assert run(narrated, tmp_path / "out") == 0
    made = record(tmp_path / "out")
    assert made["engines"]["separator"]["name"] == "dtln"
    names = [Path(row["path"]).name for row in made["weights"]]
    # The last two are for whispers.
    assert names == ["dtln.safetensors", "whispered_speech.safetensors", "bs_roformer_tiny.safetensors"]
