"""Tests of `deepsound run --reasoner` on a tiny scripted model, from flags to record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepsound.cli.main import main
from tests.reason.videollama2 import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

YES = (
    "<SUMMARY> I look and listen.</SUMMARY>\n",
    "<CAPTION> Somebody speaks.</CAPTION>\n",
    "<REASONING> I detect that the audio contains a voice-over. </REASONING>\n",
    "<CONCLUSION>",
    " A ",
    "</CONCLUSION>",
    "\nThat is all.",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("cot"), script=YES)


def run(clip: Path, out: Path, *flags: str | Path) -> int:
    return main(
        [
            "run",
            str(clip),
            "--generator",
            "source",
            "--separator",
            "spectral",
            "--device",
            "cpu",
            "--quiet",
            "-o",
            str(out),
            *map(str, flags),
        ]
    )


def record(out: Path) -> dict:
    return json.loads((out / "clip.result.json").read_text())


def test_the_original_s_flags_run_the_published_model(clip: Path, model: Path, tmp_path: Path) -> None:
    assert run(clip, tmp_path / "out", "--step2_mode", "cot", "--step2_model_dir", model) == 0
    made = record(tmp_path / "out")
    assert made["verdict"] == "yes"
    assert made["is_vo"] is True
    assert made["reasoning"]["summary"] == "I look and listen."
    assert made["raw_answer"] == "".join(YES)
    assert made["engines"]["reasoner"]["name"] == "videollama2_cot"
    assert {Path(row["path"]).parent for row in made["weights"] if row["engine"] == "videollama2_cot"} == {model}
    assert all(len(row["sha256"]) == 64 for row in made["weights"])


def test_the_verdict_alone_is_quicker_and_the_same(clip: Path, model: Path, tmp_path: Path) -> None:
    assert run(clip, tmp_path / "out", "--reasoner", "cot", "--step2_model_dir", model, "--verdict_only") == 0
    made = record(tmp_path / "out")
    assert made["verdict"] == "yes"
    assert len(made["raw_answer"]) < len("".join(YES))


@pytest.mark.parametrize(("counts_as", "is_voice_over"), [("no", False), ("yes", True)])
def test_an_answer_that_cannot_be_read_counts_as_chosen(
    clip: Path,
    tmp_path: Path,
    counts_as: str,
    is_voice_over: bool,
) -> None:
    folder = tiny.write(tmp_path / "qa", script=("I cannot", " tell."))
    assert run(clip, tmp_path / "out", "--step2_mode", "qa", "--step2_model_dir", folder, "--undecided", counts_as) == 0
    made = record(tmp_path / "out")
    assert (made["verdict"], made["undecided_counts_as"], made["is_vo"]) == ("undecided", counts_as, is_voice_over)
    assert made["raw_answer"] == "I cannot tell."


def test_a_model_asked_for_its_plan_is_read_or_replaced(clip: Path, model: Path, tmp_path: Path) -> None:
    assert (
        run(
            clip,
            tmp_path / "out",
            "--step2_mode",
            "cot",
            "--step0_model_dir",
            model,
            "--step2_model_dir",
            model,
            "--plan",
            "model",
        )
        == 0
    )
    plan = record(tmp_path / "out")["plan"]
    assert [line.partition(":")[0] for line in plan] == ["Step1", "Step2", "Step3", "Step4"]


def test_a_model_that_is_nowhere_is_named_with_what_fetches_it(
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(clip, tmp_path / "out", "--reasoner", "qa") == 4
    message = capsys.readouterr().err
    assert "videollama2/av_qa" in message
    assert "deepsound models download" in message


def test_quantisation_is_for_the_reasoner_and_leaves_the_others_alone(
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(clip, tmp_path / "out", "--reasoner", "rules", "--precision", "nf4") == 0
    assert capsys.readouterr().err == ""
