"""Tests of the chain-of-thought data set: labelling, splits, files, refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deepsound.cli.main import main
from deepsound.errors import InputError
from deepsound.reason import prompts
from deepsound.runtime.progress import Progress
from deepsound.train.cot_files import read_items, write_items
from deepsound.train.cot_items import CATEGORIES, NOT_SILENT, CotItem, answer_of, balanced, class_counts
from deepsound.train.dataset import build_dataset
from deepsound.train.item_checks import problem_of, usable_items
from deepsound.train.labelling import Labeller, clips_in
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
    for wrong in ((0.5, 0.5), (0.0, 0.5, 0.5), (2.0, -1.0, 0.0)):
        with pytest.raises(InputError):
            check_shares(wrong)


def test_rarer_categories_are_repeated() -> None:
    items = [item(id=str(number)) for number in range(4)] + [item(id="x", category="No1", answer=answer_of("No1"))]
    assert class_counts(balanced(items)) == {"Yes": 4, "No1": 4, "No2": 0, "No3": 0}
