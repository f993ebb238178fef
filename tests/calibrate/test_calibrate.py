"""Tests of judge calibration: kappa by hand, labels, report and command."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pytest

from deepsound.calibrate.agreement import accuracy_by, cohens_kappa
from deepsound.calibrate.labels import LabelledClip, labelled_clips
from deepsound.calibrate.report import calibration
from deepsound.calibrate.run import JudgeAnswer
from deepsound.cli.main import main
from deepsound.errors import InputError
from deepsound.types import Verdict
from tests.reason.server.fake_judge import FakeJudge

YES, NO, OPEN = Verdict.YES, Verdict.NO, Verdict.UNDECIDED


def test_kappa_is_what_is_worked_out_by_hand():
    # Agreement 35 of 50; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5.
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(["a", "b"], ["a", "b"]) == 1.0
    assert cohens_kappa(["a", "b"], ["b", "a"]) == -1.0


def test_kappa_is_undefined_without_items_and_where_chance_agrees_wholly():
    assert cohens_kappa([], []) is None
    assert cohens_kappa(["yes", "yes"], ["yes", "yes"]) is None


def test_accuracy_is_counted_by_group():
    assert accuracy_by(["Yes", "No1", "Yes"], [True, False, False]) == {"Yes": (1, 2), "No1": (0, 1)}


def answers(*pairs: tuple[str, Verdict, str]) -> list[JudgeAnswer]:
    return [
        JudgeAnswer(LabelledClip(Path(f"{number}.mp4"), label), verdict, category, 2.0, 3_000_000_000)
        for number, (label, verdict, category) in enumerate(pairs)
    ]


def test_the_figures_count_undecided_as_wrong_and_leave_failed_clips_out():
    first = answers(("Yes", YES, "Yes"), ("No1", NO, "No2"), ("No3", OPEN, ""), ("Yes", NO, ""))
    second = [
        *answers(("Yes", YES, ""), ("No1", YES, ""), ("No3", NO, "")),
        JudgeAnswer(first[3].clip, OPEN, error="gone"),
    ]
    report = calibration({"one": first, "two": second})
    one, two = report.figures
    assert (one.accuracy, one.undecided, one.category_accuracy) == (0.5, 1, 0.5)
    assert one.by_category == {"Yes": (1, 2), "No1": (1, 1), "No3": (0, 1)}
    assert (one.seconds_per_clip, one.peak_gb) == (2.0, 3.0)
    assert (two.clips, two.failed) == (3, ("3.mp4: gone",))
    # Both judged three clips and agree on one; by chance (yes 1 * 2 + no 1 * 1) / 9 = 1/3.
    assert report.between == {("one", "two"): pytest.approx(0.0)}
    assert "| one | 4 | 50.0% | 1 of 2 | 1 of 1 | 0 of 1 |" in report.to_markdown()
    assert report.chart().shape[1:] == (1200, 3)


def test_the_command_judges_a_folder_of_categories(make_video, tone, tmp_path, capsys):
    clip = make_video("clip.mp4", fps=10, seconds=1, audio=tone())
    for category in ("Yes", "No3"):
        (tmp_path / "clips" / category).mkdir(parents=True)
        shutil.copy(clip, tmp_path / "clips" / category / "clip.mp4")
    out = tmp_path / "report"
    assert main(["calibrate", str(tmp_path / "clips"), "--judge", "rules", "-o", str(out)]) == 0
    report = json.loads((out / "calibration.json").read_text())
    (figures,) = report["judges"]
    assert figures["judge"] == "rules" and figures["clips"] == 2 and set(figures["by_category"]) == {"Yes", "No3"}
    assert "| rules | 2 |" in capsys.readouterr().out
    assert (out / "calibration.png").stat().st_size > 1000 and (out / "calibration.md").is_file()


def test_a_clip_without_sound_fails_alone_and_is_named(make_video, tmp_path, capsys):
    folder = tmp_path / "clips"
    folder.mkdir()
    shutil.move(make_video("mute.mp4", fps=10, seconds=1), folder / "mute.mp4")
    (folder / "labels.csv").write_text("video,label\nmute.mp4,no1\n")
    assert main(["calibrate", str(folder), "-o", str(tmp_path / "report"), "--quiet"]) != 0
    assert "mute.mp4: expected a clip with sound" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("video,label\na.mp4,perhaps\n", "expected a label of Yes, No1"),
        ("video,label\nabsent.mp4,Yes\n", "which is not there"),
        ("file,what\na.mp4,Yes\n", "expected the columns video and label"),
        ("video,label\n", "got none"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(tmp_path, table, message):
    (tmp_path / "labels.csv").write_text(table)
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(InputError, match=message):
        labelled_clips(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        labelled_clips(tmp_path / "absent")


@pytest.mark.parametrize("command", ["calibrate", "evaluate"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(make_video, tmp_path, monkeypatch, capsys, command):
    def refuse(**named):
        raise OSError(errno.EROFS, "Read-only file system")

    make_video("clips/Yes/first.mp4")
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("deepsound.calibrate.run.judge_all", None)
    monkeypatch.setattr("deepsound.cli.evaluate._report", None)
    clips = [str(tmp_path / "clips")] * (1 if command == "calibrate" else 2)
    assert main([command, *clips, "--out", str(tmp_path / "report")]) == 5
    assert "the disk is read-only; choose another folder" in capsys.readouterr().err


def test_a_judge_on_a_server_is_measured_beside_others_and_has_no_memory_here(make_video, tone, tmp_path, monkeypatch):
    for label in ("Yes", "No1"):
        make_video(f"labelled/{label}/clip.mp4", fps=5, seconds=1.0, audio=tone(seconds=1.0))
    with FakeJudge() as judge:
        monkeypatch.setenv("DEEPSOUND_SERVER_URL", judge.url)
        flags = ["--judge", "server", "--judge", "rules", "--quiet", "-o", str(tmp_path / "out")]
        assert main(["calibrate", str(tmp_path / "labelled"), *flags]) == 0
    report = json.loads((tmp_path / "out" / "calibration.json").read_text())
    server, rules = report["judges"]
    assert (server["accuracy"], server["by_category"]) == (0.5, {"Yes": [1, 1], "No1": [0, 1]})
    assert server["peak_gb"] is None and rules["peak_gb"] > 0 and server["seconds_per_clip"] > 0
    assert len(report["between"]) == 1 and len(judge.bodies) == 2
