"""Tests of reviewing a data set: decisions, agreement, CSV in and out, the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deepsound.errors import InputError
from deepsound.train.cot_files import read_items, write_items
from deepsound.train.cot_items import CATEGORIES, answer_of
from deepsound.train.review import REVIEWS, Review
from tests.train.reasoner import write_data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(tmp_path / "set")


def test_a_decision_is_written_at_once_and_goes_for_the_clips_other_items(folder: Path) -> None:
    review = Review(folder, "ann")
    review.correct("No3")
    of = {item.id: item for item in read_items(folder)}
    assert of["Yes-judge"].answer == answer_of("No3")
    assert {of[f"Yes-{task}"].category for task in ("plan", "judge", "silence")} == {"No3"}
    assert all(of[f"Yes-{task}"].checked for task in ("plan", "judge", "silence"))
    assert not of["No1-judge"].checked
    assert review.progress() == (1, 4)
    assert Review(folder, "ann").current.id == "No1-judge"


def test_accepting_editing_and_moving(folder: Path) -> None:
    review = Review(folder, "ann")
    review.accept()
    review.move(1)
    review.edit(review.current.answer + " ")
    with pytest.raises(InputError, match="verdict"):
        review.edit(answer_of("Yes"))
    review.move(99)
    assert review.current.id == "No3-judge" and review.progress() == (2, 4)
    review.move(-99)
    assert review.current.checked
    with pytest.raises(InputError, match="Perhaps"):
        review.correct("Perhaps")


def test_agreement_of_two_reviewers(folder: Path) -> None:
    ann, bob = Review(folder, "ann"), None
    for category in CATEGORIES:
        ann.correct(category)
        ann.move(1)
    bob = Review(folder, "bob")
    for category in ("Yes", "No1", "No2", "No2"):
        bob.correct(category)
        bob.move(1)
    # Observed 3 of 4; by chance 1/4 (1/4 + 1/4 + 2/4 + 0) = 1/4: (3/4 - 1/4) / (3/4) = 2/3.
    assert bob.agreement() == {("ann", "bob"): (pytest.approx(2 / 3), 4)}


def test_decisions_of_a_table_are_taken_in(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("id,reviewer,category,answer\nNo1-judge,cat,Yes,\n")
    review = Review(folder, "ann")
    assert review.take_in(table) == 1
    assert {item.id: item for item in read_items(folder)}["No1-judge"].answer == answer_of("Yes")
    assert (folder / REVIEWS).read_text().splitlines()[1].startswith("No1-judge,cat,Yes,")
    for wrong in (
        "id\nx\n",
        "id,reviewer,category\nnobody,cat,Yes\n",
        "id,reviewer,category\nNo1-judge,cat,Maybe\n",
        "",
    ):
        table.write_text(wrong)
        with pytest.raises(InputError):
            review.take_in(table)


def test_a_folder_without_judgements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a data set"):
        Review(tmp_path, "ann")


def test_the_page_shows_the_clip_its_sections_and_the_agreement(folder: Path) -> None:
    pytest.importorskip("gradio", reason="the page needs gradio (extra `app`)")
    from deepsound.app.review_page import _guarded, build_review

    review = Review(folder, "<ann>")
    page = build_review(review)
    assert page.title == "DeepSound: review"
    media, status, sections, answer = _guarded(review, lambda: review.correct("Perhaps"))
    assert Path(media) == (folder / "Yes.mp4").resolve() and "Perhaps" in status and "&lt;ann&gt;" in status
    assert "There is the sound of people in the audio." in sections and answer == answer_of("Yes")


def test_two_reviewers_at_work_at_once_do_not_lose_each_others_decisions(folder: Path) -> None:
    ann, bob = Review(folder, "ann"), Review(folder, "bob")
    ann.correct("No3")
    bob.move(1)
    bob.correct("No2")
    ann.accept()
    assert set(Review(folder, "cat").agreement()) == {("ann", "bob")}
    of = {item.id: item for item in read_items(folder)}
    assert of["Yes-judge"].category == "No3" and of["No1-judge"].category == "No2"


def test_clips_labelled_during_a_review_stay_in_the_data_set(folder: Path) -> None:
    review = Review(folder, "ann")
    items = read_items(folder)
    write_items([*items, replace(items[1], id="new-judge", video="new.mp4")], folder)
    review.accept()
    assert "new-judge" in {item.id for item in read_items(folder)} and review.progress() == (1, 5)


def test_a_split_beside_its_data_set_is_not_reviewed_in_its_place(folder: Path) -> None:
    with pytest.raises(InputError, match="name the folder"):
        Review(folder / "train.json", "ann")
    (folder / "data.jsonl").unlink()
    review = Review(folder / "train.json", "ann")
    review.correct("No3")
    review.move(1)
    review.correct("No2")
    assert [item.category for item in read_items(folder) if item.task == "judge"][:2] == ["No3", "No2"]


def test_an_answer_of_a_table_that_contradicts_its_category_is_refused(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("id,reviewer,category,answer\nNo1-judge,cat,Yes,B. No\n")
    with pytest.raises(InputError, match=r"line 2: .* verdict no"):
        Review(folder, "ann").take_in(table)
    assert not (folder / REVIEWS).exists()
