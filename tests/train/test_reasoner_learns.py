"""A tiny reasoner learns all four categories, of clips that it was not trained on."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.runtime.progress import Progress
from deepsound.train.answer_parts import KEYWORD_PARTS
from deepsound.train.cot_losses import CotLossSettings
from deepsound.train.reasoner import examples
from deepsound.train.reasoner.recipe import ReasonerRecipe
from deepsound.train.reasoner.run import LOG, ReasonerJob, train_reasoner
from tests.train.reasoner import RECIPE, write_base_of_words, write_distinct_clips

pytest.importorskip("accelerate", reason="the Trainer needs accelerate (extra `train`)")
pytestmark = pytest.mark.slow

# 16 clips, all in every second step: the table in docs/training.md is of this recipe.
LEARNING = replace(
    RECIPE,
    max_steps=80,
    batch=8,
    per_device=8,
    learning_rate=3e-3,
    schedule="constant",
    warmup_ratio=0.1,
    save_every=1000,
    evaluate_every=20,
)
KEYWORDS = CotLossSettings("plain", dict.fromkeys(KEYWORD_PARTS, 3.0))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning")
    write_distinct_clips(folder / "set", 4)
    write_base_of_words(folder / "base")
    return folder


@pytest.fixture(autouse=True)
def media_read_once(monkeypatch: pytest.MonkeyPatch):
    """Clips are decoded once and not once a step."""
    monkeypatch.setattr(examples, "read_media", functools.cache(examples.read_media))
    with torch.enable_grad():
        yield


def steps_to_all_right(root: Path, out: Path, recipe: ReasonerRecipe) -> tuple[int, dict]:
    """The step from which on every held-out clip's category is right, and the last metrics."""
    metrics = train_reasoner(ReasonerJob(root / "set", root / "base", out, recipe), Progress())["metrics"]
    lines = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    shares = {line["step"]: line["eval_category"] for line in lines if "eval_category" in line}
    wrong = max((step for step, share in shares.items() if share < 1), default=0)
    return wrong + recipe.evaluate_every, metrics


def test_all_four_categories_are_learnt_and_keyword_weights_need_no_more_steps(root: Path, tmp_path: Path) -> None:
    plain, metrics = steps_to_all_right(root, tmp_path / "plain", LEARNING)
    weighted, of_weighted = steps_to_all_right(root, tmp_path / "keywords", replace(LEARNING, loss=KEYWORDS))
    for found in (metrics, of_weighted):
        assert [found[f"eval_accuracy_{name}"] for name in ("Yes", "No1", "No2", "No3")] == [1, 1, 1, 1]
        assert found["eval_category"] == 1 and found["eval_format"] == 1
    assert weighted <= plain <= LEARNING.max_steps
