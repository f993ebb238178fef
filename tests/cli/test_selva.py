"""`deepsound run --generator selva` on tiny weights, up to the finished video."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsound.cli.main import main
from tests.generate.mmaudio import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")


def test_a_run_records_the_engine_and_all_its_files(make_video: Callable[..., Path], tmp_path: Path) -> None:
    models = tiny.write_selva(tmp_path / "models")
    clip = make_video("clip.mp4", fps=25, seconds=1.2)
    flags = ["--generator", "selva", "--prompt", "drums", "--steps", "1", "--device", "cpu", "--models", str(models)]
    assert main(["run", str(clip), *flags, "--quiet", "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["generator"]["name"] == "selva"
    roles = {row["role"] for row in record["weights"]}
    assert roles == {"flow", "autoencoder", "vocoder", "clip", "synchformer", "text_encoder"}


def test_weights_that_are_nowhere_are_counted_by_the_engine_s_name(
    make_video: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_video("clip.mp4", fps=25, seconds=1.2)
    assert main(["run", str(clip), "--generator", "selva", "--quiet", "-o", str(tmp_path / "out")]) == 4
    said = capsys.readouterr().err
    assert "selva: 7 sets of weights are not on this machine" in said
