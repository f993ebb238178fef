"""Tests of the joint stage's mixture: two items with picture and sound, one of each alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.media.wav import write_wav
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.runtime.progress import Progress, ProgressEvent
from deepsound.train.conversations import PLACEHOLDER_IDS
from deepsound.train.cot_files import read_items
from deepsound.train.cot_items import CotItem
from deepsound.train.item_checks import problem_of
from deepsound.train.reasoner.mixture import MixtureSampler
from deepsound.train.reasoner.recipe import ReasonerRecipe
from deepsound.train.reasoner.run import ReasonerJob, prepare_data, train_reasoner
from deepsound.weights.load import read_tensors
from tests.train.reasoner import RECIPE, write_base, write_data

KINDS = ["both"] * 6 + ["sound"] * 2 + ["picture"] * 5


def test_of_four_items_two_are_of_both_and_one_of_each_alone() -> None:
    sampler = MixtureSampler(KINDS, seed=3)
    order = list(sampler)
    assert len(order) == len(sampler) == 12
    for first in range(0, 12, 4):
        assert [KINDS[at] for at in order[first : first + 4]] == ["both", "both", "sound", "picture"]
    counts = Counter(order)
    assert all(counts[at] == 1 for at in range(6)) and {counts[6], counts[7]} == {1, 2}
    assert list(MixtureSampler(KINDS, seed=3)) == order != list(MixtureSampler(KINDS, seed=4))


def test_a_longer_kind_goes_on_in_the_next_epoch() -> None:
    sampler = MixtureSampler(KINDS, seed=3)
    pictures = [at for at in sampler if KINDS[at] == "picture"]
    sampler.set_epoch(1)
    again = list(sampler)
    pictures += [at for at in again if KINDS[at] == "picture"]
    assert set(pictures) == set(range(8, 13)) and sorted(at for at in again if at < 6) == list(range(6))


def test_a_kind_without_items_is_left_out() -> None:
    assert sorted(MixtureSampler(["both", "sound", "both"], 0)) == [0, 1, 2]
    assert list(MixtureSampler(["sound"] * 2, 0).group) == ["sound"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a base, and VideoLLaMA2's own JSON of sounds and of pictures, with free answers."""
    folder = tmp_path_factory.mktemp("mixture")
    write_data(folder / "set")
    write_base(folder / "base")
    (folder / "more").mkdir()
    sound = Clip.open(folder / "set" / "Yes.mp4").audio(Progress())
    assert sound is not None
    write_wav(sound, folder / "more" / "hiss.wav")
    for name, key, file in (("sounds", "audio", "hiss.wav"), ("pictures", "video", "../set/No1.mp4")):
        turns = [{"from": "human", "value": f"<{key}>\nWhat is there?"}, {"from": "gpt", "value": f"A lot of {name}."}]
        (folder / "more" / f"{name}.json").write_text(json.dumps([{"id": name, key: file, "conversations": turns}]))
    return folder


def job(root: Path, out: Path, recipe: ReasonerRecipe = RECIPE, **named: object) -> ReasonerJob:
    more = {"sound_data": root / "more" / "sounds.json", "picture_data": root / "more" / "pictures.json"}
    return ReasonerJob(root / "set", root / "base", out, recipe, **{**more, **named})  # type: ignore[arg-type]


def test_an_item_of_sound_alone_has_no_picture_and_the_other_no_sound(root: Path, tmp_path: Path) -> None:
    data = prepare_data(job(root, tmp_path), VideoLLaMA2Checkpoint.open(root / "base"))
    of = {example.item.id: example for example in (data.train[at] for at in range(len(data.train)))}
    assert (of["sounds"].frames is None, of["sounds"].filterbank is None) == (True, False)
    assert (of["pictures"].frames is None, of["pictures"].filterbank is None) == (False, True)
    assert PLACEHOLDER_IDS["<audio>"] in of["sounds"].text.ids and PLACEHOLDER_IDS["<video>"] in of["pictures"].text.ids
    assert data.sampler(1) is not None
    plain = job(root, tmp_path, sound_data=None, picture_data=None)
    assert prepare_data(plain, VideoLLaMA2Checkpoint.open(root / "base")).sampler(1) is None


def test_a_run_on_the_mixture_that_was_stopped_ends_with_the_same_weights(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate (extra `train`)")
    recipe = replace(RECIPE, max_steps=3, save_every=1, schedule="constant", warmup_ratio=0.0)
    notes: list[ProgressEvent] = []
    with torch.enable_grad():
        train_reasoner(job(root, tmp_path / "whole", recipe), Progress(on_event=notes.append))
        train_reasoner(job(root, tmp_path / "stopped", replace(recipe, max_steps=1)), Progress())
        train_reasoner(job(root, tmp_path / "stopped", recipe), Progress())
    assert any("12 of both, 1 of sound, 1 of picture" in each.text for each in notes if each.is_note)
    whole, resumed = read_tensors(tmp_path / "whole"), read_tensors(tmp_path / "stopped")
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_free_answers_of_the_originals_own_files_are_learnt_and_torn_judgements_are_not() -> None:
    def read(answer: str) -> CotItem:
        turns = [{"from": "human", "value": "<video>\nWhat is there?"}, {"from": "gpt", "value": answer}]
        return CotItem.from_json({"id": 1, "video": "a.mp4", "conversations": turns})

    assert read("A dog.").task == "other" and not problem_of(read("A dog."))
    assert "sections" in problem_of(read("<SUMMARY> a </SUMMARY>")) and not problem_of(read("B"))


def test_further_data_without_sound_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.json").write_text(
        (root / "more" / "sounds.json").read_text().replace("hiss.wav", str(root / "base" / "config.json"))
    )
    data = prepare_data(
        job(root, tmp_path, sound_data=tmp_path / "set" / "a.json"), VideoLLaMA2Checkpoint.open(root / "base")
    )
    with pytest.raises(InputError, match="The item sounds cannot be learnt"):
        [data.train[at] for at in range(len(data.train))]
    assert read_items(tmp_path / "set" / "a.json")[0].media == "sound"
