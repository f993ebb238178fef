"""Tests of the chain-of-thought data set: labelling, splits, files, refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.errors import Cancelled, EngineError, InputError, OutputError
from deepsound.reason import prompts
from deepsound.runtime.progress import Progress
from deepsound.train.cot_files import read_items, write_items
from deepsound.train.cot_items import CATEGORIES, NOT_SILENT, CotItem, answer_of, balanced, class_counts
from deepsound.train.dataset import JOURNAL, build_dataset
from deepsound.train.item_checks import problem_of, usable_items
from deepsound.train.labelling import Labeller, clips_in
from deepsound.train.review import Review
from deepsound.train.run_folder import sole_run
from deepsound.train.splits import check_shares, source_of, split_sources
from tests import fakes

ALL = (1.0, 0.0, 0.0)


@pytest.fixture
def clips(make_video, tmp_path: Path) -> Path:
    """Two clips with sound, a copy, one without sound and one that is no video."""
    (tmp_path / "clips").mkdir()
    for number, name in enumerate(("dog_000010", "dog_000020")):
        make_video(f"clips/{name}.mp4", audio=fakes.noise(1.0, 0.1, seed=number))
    shutil.copy(tmp_path / "clips" / "dog_000010.mp4", tmp_path / "clips" / "zcopy.mp4")
    make_video("clips/mute.mp4")
    (tmp_path / "clips" / "torn.mp4").write_bytes(b"no video")
    return tmp_path / "clips"


def build(clips: Path, out: Path, **labeller: object) -> dict:
    rules = {"name": "fake", "reasoner": fakes.NoReasoner()} | labeller
    return build_dataset(clips_in(clips), Labeller(**rules), out, ALL, Progress())  # type: ignore[arg-type]


def test_each_clip_gives_three_items_and_what_cannot_be_read_is_named(clips: Path, tmp_path: Path) -> None:
    report = build(clips, tmp_path / "set")
    items = read_items(tmp_path / "set")
    assert [item.task for item in items] == ["plan", "judge", "silence"] * 2
    assert {item.source for item in items} == {"dog"}
    assert items[1].answer == answer_of("No1") and items[2].answer == NOT_SILENT
    assert items[1].evidence["voice_spans_s"] == [[0.1, 0.4]] and not items[1].checked
    assert [Path(row["clip"]).name for row in report["unreadable"]] == ["mute.mp4", "torn.mp4"]
    assert [Path(row["clip"]).name for row in report["duplicates"]] == ["zcopy.mp4"]
    assert report["by_split"]["train"] == {"Yes": 0, "No1": 2, "No2": 0, "No3": 0}
    assert usable_items(items, tmp_path / "set")[1] == []
    published = json.loads((tmp_path / "set" / "train.json").read_text())
    assert published[1]["conversations"][0]["value"] == f"<video>\n{prompts.JUDGE_QUESTION}"


def test_a_generated_sound_is_judged_and_put_under_a_copy(clips: Path, tmp_path: Path) -> None:
    build(clips, tmp_path / "set", generator=fakes.Generator(), generator_name="noise")
    items = read_items(tmp_path / "set")
    assert items[0].video == "media/dog_000010.mp4" and items[0].sound == "noise"
    assert "mute-judge" in {item.id for item in items}


def test_a_second_run_keeps_what_was_reviewed(clips: Path, tmp_path: Path) -> None:
    build(clips, tmp_path / "set")
    items = read_items(tmp_path / "set")
    reviewed = [replace(item, checked=True, category="No3", answer=answer_of("No3")) for item in items[1:2]]
    write_items([items[0], *reviewed, *items[2:]], tmp_path / "set")
    report = build(clips, tmp_path / "set", reasoner=fakes.YesReasoner())
    assert report["unchanged_clips"] == 2 and report["checked"] == 1
    assert read_items(tmp_path / "set")[1] == reviewed[0]


def test_the_command_labels_by_folders_and_tells_what_it_left_out(clips: Path, tmp_path: Path, capsys) -> None:
    (clips / "No2").mkdir()
    shutil.move(clips / "dog_000010.mp4", clips / "No2")
    (clips / "Yes").mkdir()
    shutil.move(clips / "torn.mp4", clips / "Yes")
    code = main(["train", "data", str(clips), "--out", str(tmp_path / "set"), "--label", "csv", "--split", "1,0,0"])
    assert code == 6
    assert "torn.mp4" in capsys.readouterr().out
    assert [item.category for item in read_items(tmp_path / "set")] == ["No2"] * 3
    assert main(["train", "data", str(clips), "--out", str(tmp_path / "set"), "--split", "1,1"]) == 2


def item(**changes: object) -> CotItem:
    like = CotItem("1", "a.mp4", prompts.JUDGE_QUESTION, answer_of("Yes"), category="Yes", source="a")
    return replace(like, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_published_wording_of_every_category_can_be_learnt(category: str) -> None:
    assert problem_of(item(category=category, answer=answer_of(category))) == ""


SWAPPED = answer_of("Yes").replace("SUMMARY", "X").replace("CAPTION", "SUMMARY").replace("X", "CAPTION")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"category": "No1"}, "verdict"),
        ({"category": "No3", "answer": answer_of("No2")}, "its text says No2"),
        ({"answer": answer_of("Yes").replace("> A <", "> B <")}, "verdict no"),
        ({"answer": SWAPPED}, "in this order"),
        ({"answer": answer_of("Yes").replace("</CAPTION>", "")}, "has no end"),
        ({"answer": "视频里没有人。", "category": ""}, "sections"),
        ({"answer": "Say <video> A"}, "placeholder"),
        ({"answer": " "}, "empty"),
        ({"category": "Perhaps"}, "category"),
        ({"task": "sing"}, "task"),
        ({"split": "rest"}, "split"),
        ({"task": "plan", "answer": "First listen."}, "StepN"),
        ({"task": "silence", "answer": "Quiet."}, "expected"),
    ],
)
def test_an_item_that_would_teach_something_wrong_is_named(changes: dict, why: str) -> None:
    assert why in problem_of(item(**changes))


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    good, problems = usable_items([item()], tmp_path)
    assert not good and "a.mp4 is not there" in str(problems[0])


def test_both_forms_are_read_alike(tmp_path: Path) -> None:
    items = [item(), item(id="2", checked=True, evidence={"frames": 16})]
    write_items(items, tmp_path)
    assert read_items(tmp_path / "data.jsonl") == items
    plain = read_items(tmp_path / "train.json")
    assert [each.answer for each in plain] == [each.answer for each in items]
    assert plain[0].task == "judge"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('{"id": "1", "video"', "line 1"),
        ("[1]", "item 1"),
        ('{"id": "1"}', "line 1"),
        ('[{"id": "1",', "list of items"),
        (
            '{"id": "1", "video": "a", "conversations": [{"from": "gpt", "value": "a"}, '
            '{"from": "human", "value": "b"}]}',
            "human",
        ),
    ],
)
def test_a_damaged_file_is_refused_by_its_line(tmp_path: Path, content: str, where: str) -> None:
    (tmp_path / "data.jsonl").write_text(content)
    with pytest.raises(InputError, match=where):
        read_items(tmp_path)


def test_two_items_of_one_id_are_refused(tmp_path: Path) -> None:
    write_items([item(), item()], tmp_path)
    with pytest.raises(InputError, match="an id of its own"):
        read_items(tmp_path)


def test_splits_are_by_source_and_keep_the_shares_of_each_category() -> None:
    categories = {f"{category}{number}": category for category in CATEGORIES for number in range(20)}
    found = split_sources(categories, (0.8, 0.1, 0.1))
    for category in CATEGORIES:
        of = [split for name, split in found.items() if name.startswith(category)]
        assert (of.count("train"), of.count("validation"), of.count("test")) == (16, 2, 2)
    assert source_of("abc_000010") == "abc" and source_of("clip") == "clip"
    assert check_shares("0.8, 0.1, 0.1") == (0.8, 0.1, 0.1)
    for wrong in ("0.5,0.5", "0,0.5,0.5", "2,-1,0", "1,nan,0", "0.5/0.5/0", ""):
        with pytest.raises(InputError, match=f"got {wrong!r}; correct --split"):
            check_shares(wrong)


def test_rarer_categories_are_repeated() -> None:
    items = [item(id=str(number)) for number in range(4)] + [item(id="x", category="No1", answer=answer_of("No1"))]
    assert class_counts(balanced(items)) == {"Yes": 4, "No1": 4, "No2": 0, "No3": 0}


def test_a_labelling_run_that_is_stopped_says_what_is_kept(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*arguments: object) -> None:
        raise Cancelled

    monkeypatch.setattr("deepsound.train.dataset.build_dataset", stopped)
    assert main(["train", "data", str(clips), "--out", str(tmp_path / "set")]) == Cancelled.exit_code
    assert f"what is finished is kept in {tmp_path / 'set'}" in " ".join(capsys.readouterr().err.split())


def test_a_labelling_run_that_was_stopped_goes_on_behind_its_last_clip(clips: Path, tmp_path: Path) -> None:
    class Stops(fakes.NoReasoner):
        def judge(self, clip, audio, progress):  # type: ignore[no-untyped-def]
            if clip.path.stem == "dog_000020":
                raise Cancelled
            return super().judge(clip, audio, progress)

    with pytest.raises(Cancelled):
        build(clips, tmp_path / "set", reasoner=Stops())
    with (tmp_path / "set" / JOURNAL).open("a") as file:
        file.write('[{"id": "torn')
    labelled: list[str] = []

    class Counts(fakes.NoReasoner):
        def judge(self, clip, audio, progress):  # type: ignore[no-untyped-def]
            labelled.append(clip.path.stem)
            return super().judge(clip, audio, progress)

    report = build(clips, tmp_path / "set", reasoner=Counts())
    assert labelled == ["dog_000020"] and report["clips"] == 2
    assert [item.id for item in read_items(tmp_path / "set")][::3] == ["dog_000010-plan", "dog_000020-plan"]
    assert not (tmp_path / "set" / JOURNAL).exists()


def test_what_is_reviewed_while_clips_are_labelled_stays(clips: Path, tmp_path: Path) -> None:
    build(clips, tmp_path / "set")
    (clips / "dog_000020.mp4").rename(clips / "cat.mp4")
    with (clips / "cat.mp4").open("ab") as file:
        file.write(b"\0" * 8)

    class Reviewed(fakes.NoReasoner):
        def judge(self, clip, audio, progress):  # type: ignore[no-untyped-def]
            Review(tmp_path / "set", "ann").correct("No3")
            return super().judge(clip, audio, progress)

    report = build(clips, tmp_path / "set", reasoner=Reviewed())
    items = read_items(tmp_path / "set")
    assert items[1].category == "No3" and items[1].checked and len(items) == report["items"] == 9


def test_a_second_run_into_the_same_folder_is_refused(clips: Path, tmp_path: Path) -> None:
    with sole_run(tmp_path / "set"), pytest.raises(OutputError, match="another run is at work"):
        build(clips, tmp_path / "set")


def test_copies_with_generated_sound_are_no_clips_of_a_second_run(clips: Path, tmp_path: Path) -> None:
    made = {"generator": fakes.Generator(), "generator_name": "noise"}
    first = build(clips, clips / "set", **made)
    assert build(clips, clips / "set", **made)["clips"] == first["clips"]


def test_an_engine_that_fails_on_every_clip_ends_the_labelling(clips: Path, tmp_path: Path) -> None:
    class Broken(fakes.NoReasoner):
        def judge(self, clip, audio, progress):  # type: ignore[no-untyped-def]
            raise EngineError("The network is torn.")

    (clips / "torn.mp4").unlink()
    (clips / "mute.mp4").unlink()
    shutil.copy(clips / "dog_000010.mp4", clips / "another.mp4")
    with (clips / "another.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    with pytest.raises(EngineError, match=r"first 3 clips failed alike.*torn"):
        build(clips, tmp_path / "set", reasoner=Broken())


def test_a_full_disk_ends_the_labelling_and_is_no_fault_of_the_clips(clips: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("Cannot write: the disk is full.")

    monkeypatch.setattr("deepsound.train.labelling.mux_clip", full)
    with pytest.raises(OutputError, match="full"):
        build(clips, tmp_path / "set", generator=fakes.Generator())


def test_line_separators_within_an_answer_do_not_break_the_file(tmp_path: Path) -> None:
    written = item(answer=answer_of("Yes").replace(" ", "\u2028", 1) + "\x85")
    write_items([written], tmp_path)
    assert read_items(tmp_path) == [written]


@pytest.fixture
def results(clips: Path, tmp_path: Path) -> Path:
    """Results of two clips: one whose own sound was judged, one with a sound that was generated for it."""
    from deepsound.media.wav import write_wav

    folder = tmp_path / "results"
    folder.mkdir()
    write_wav(fakes.noise(1.0, 0.2, seed=9), folder / "mute.step1.wav")
    engines = {"generator": {"name": "source", "why": ""}, "reasoner": {"name": "omni", "why": ""}}
    for stem, generator, category in (("dog_000010", "source", "No2"), ("mute", "draft", "Yes")):
        record = {
            "video_input": str(clips / f"{stem}.mp4"),
            "step1_audio_path": f"elsewhere/{stem}.step1.wav",
            "engines": engines | {"generator": {"name": generator, "why": ""}},
            "verdict": "yes" if category == "Yes" else "no",
            "category": category,
            "people_times_s": [0.2],
            "voice_spans_s": [[0.1, 0.4]],
        }
        (folder / f"{stem}.result.json").write_text(json.dumps(record))
    return folder


def test_results_of_runs_are_labels_with_the_sounds_that_were_judged(results: Path, tmp_path: Path, capsys) -> None:
    command = ["train", "data", str(results), "--out", str(tmp_path / "set"), "--label", "records", "--split", "1,0,0"]
    assert main(command) == 0
    own, made = (item for item in read_items(tmp_path / "set") if item.task == "judge")
    assert (own.category, own.sound, own.label) == ("No2", "own", "omni") and own.video.endswith("dog_000010.mp4")
    assert (made.category, made.sound, made.video) == ("Yes", "draft", "media/mute.mp4")
    assert made.evidence["voice_spans_s"] == [[0.1, 0.4]] and made.answer == answer_of("Yes")
    assert usable_items(read_items(tmp_path / "set"), tmp_path / "set")[1] == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "undecided"}, "a judge's verdict, got undecided"),
        ({"voice_decision": "always"}, "got one that was set to always"),
        ({"video_input": "gone.mp4"}, "its video 'gone.mp4'"),
        ({"step1_audio_path": None}, "its coarse sound None"),
        ({"category": "No3"}, "goes with the verdict yes, got No3"),
        ({"verdict": []}, "verdict is"),
    ],
)
def test_a_result_that_is_no_label_is_named(results: Path, tmp_path: Path, capsys, changes: dict, why: str) -> None:
    path = results / "mute.result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    command = ["train", "data", str(results), "--out", str(tmp_path / "set"), "--label", "records"]
    assert main([*command, "--split", "1,0,0"]) == 6
    assert why in capsys.readouterr().out


def test_a_result_of_a_part_of_its_clip_is_named(results: Path, tmp_path: Path, capsys) -> None:
    from deepsound.media.wav import write_wav

    write_wav(fakes.noise(0.5, 0.2, seed=9), results / "mute.step1.wav")
    command = ["train", "data", str(results), "--out", str(tmp_path / "set"), "--label", "records"]
    assert main([*command, "--split", "1,0,0"]) == 6
    assert "a result of the whole clip (1.00 s), got one of 0.50 s" in capsys.readouterr().out


def test_a_folder_without_results_is_refused(clips: Path, tmp_path: Path) -> None:
    assert main(["train", "data", str(clips), "--out", str(tmp_path / "set"), "--label", "records"]) == 2
