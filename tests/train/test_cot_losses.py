"""Tests of training conversations, parts of answers and the losses over them."""

from __future__ import annotations

import pytest
import torch

from deepsound.errors import InputError
from deepsound.reason import prompts
from deepsound.reason.videollama2.tokenizer import QwenTokenizer
from deepsound.train.answer_parts import OTHER, PARTS, split_answer
from deepsound.train.conversations import IGNORED, collate_texts, tokenise
from deepsound.train.cot_losses import CotLossSettings, part_sums, total_loss
from tests.reason.videollama2 import tiny

ANSWERS = (prompts.expected_plan(), *prompts.expected_thoughts(), "A", "B. No", "The audio is not silent.")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> QwenTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.tokens_of(folder, ())
    return QwenTokenizer(folder)


def item(answer: str, question: str = "<video>\nWhat is heard?") -> dict[str, object]:
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    return {"id": "1", "video": "a.mp4", "conversations": turns}


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_labelled_token_belongs_to_exactly_one_part(tokenizer: QwenTokenizer, answer: str) -> None:
    text = tokenise(item(answer), tokenizer)
    assert [part == IGNORED for part in text.parts] == [label == IGNORED for label in text.labels]
    learned = [label for label in text.labels if label != IGNORED]
    assert tokenizer.decode(learned) == f"{answer}\n"


def words_of(answer: str, tokenizer: QwenTokenizer) -> dict[str, str]:
    """The answer's text by part, as its tokens lie in it."""
    text = tokenise(item(answer), tokenizer)
    found = {}
    for number, part in enumerate(PARTS):
        ids = [label for label, of in zip(text.labels, text.parts, strict=True) if of == number]
        if ids:
            found[part] = tokenizer.decode(ids)
    return found


def test_keywords_are_what_decides_the_verdict(tokenizer: QwenTokenizer) -> None:
    found = words_of(prompts.expected_thoughts()[0], tokenizer)
    assert found["caption_keywords"] == "there are no people in the videoThere is the sound of people in the audio"
    assert "I detect that the audio contains a voice-over" in found["reasoning_keywords"]
    assert found["conclusion_keywords"].strip() == "A"
    assert found["summary"].startswith("Summary\n<SUMMARY>I will determine")
    assert found["conclusion"].startswith("\nConclusion\n<CONCLUSION>") or "<CONCLUSION>" in found["conclusion"]
    assert "people" not in found["reasoning"]


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (prompts.expected_plan(), {"plan"}),
        ("A", {"conclusion", "conclusion_keywords"}),
        ("The audio is not silent.", {OTHER}),
        ("<CAPTION>There are people in the video.", {"caption", "caption_keywords"}),
    ],
)
def test_answers_of_other_kinds(tokenizer: QwenTokenizer, answer: str, parts: set[str]) -> None:
    assert set(words_of(answer, tokenizer)) == parts


def test_a_token_that_reaches_beyond_a_keyword_is_format() -> None:
    text = "<CONCLUSION> A</CONCLUSION>"
    at = text.index("A<")
    assert split_answer(text).of_token(text, at, at + 1) == "conclusion_keywords"
    assert split_answer(text).of_token(text, at, at + 2) == "conclusion"
    assert split_answer(text).of_token(text, at - 1, at + 1) == "conclusion_keywords"


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(64, generator=generator, requires_grad=True)
    return losses, torch.randint(len(PARTS), (64,), generator=generator)


def test_parts_add_up_to_the_plain_loss_and_weights_count() -> None:
    losses, parts = batch()
    sums, counts = part_sums(losses, parts)
    plain = total_loss(sums, counts, CotLossSettings())
    assert plain.item() == pytest.approx(losses.mean().item(), rel=1e-6)
    paper = total_loss(sums, counts, CotLossSettings("paper"))
    means = [losses[parts == number].mean() for number in range(len(PARTS)) if (parts == number).any()]
    assert float(paper) == pytest.approx(float(sum(means)), rel=1e-6)
    only = CotLossSettings("paper", dict.fromkeys(PARTS, 0.0) | {"plan": 2.0})
    assert float(total_loss(sums, counts, only)) == pytest.approx(2 * float(losses[parts == 0].mean()), rel=1e-6)


@pytest.mark.parametrize("kind", ["plain", "paper"])
def test_the_gradient_of_a_part_is_zero_outside_its_tokens(kind) -> None:
    for number, part in enumerate(PARTS):
        losses, parts = batch(number)
        weights = {other: float(other == part) for other in PARTS}
        total_loss(*part_sums(losses, parts), CotLossSettings(kind, weights)).backward()
        assert losses.grad is not None
        assert torch.equal(losses.grad != 0, parts == number)


def test_shares_of_a_global_batch_add_up_to_its_loss() -> None:
    losses, parts = batch()
    whole = part_sums(losses, parts)
    for settings in (CotLossSettings(), CotLossSettings("paper", {"plan": 3.0})):
        halves = [part_sums(losses[half], parts[half])[0] for half in (slice(0, 40), slice(40, None))]
        added = sum(total_loss(sums, whole[1], settings) for sums in halves)
        assert float(added) == pytest.approx(float(total_loss(*whole, settings)), rel=1e-6)


def test_a_loss_part_or_weight_that_does_not_exist_is_refused() -> None:
    for arguments in (
        ("focal", {}),
        ("plain", {"chorus": 1.0}),
        ("plain", {"plan": -1.0}),
        ("plain", {"plan": float("nan")}),
    ):
        with pytest.raises(InputError):
            CotLossSettings(*arguments)  # type: ignore[arg-type]


def test_rows_are_cut_behind_padding_and_count_what_is_left(tokenizer: QwenTokenizer) -> None:
    texts = [tokenise(item("A"), tokenizer), tokenise(item("A", "<video>\n" + "long " * 80), tokenizer)]
    rows = collate_texts(texts, tokenizer.pad_id, 100)
    assert rows.ids.shape == rows.labels.shape == rows.parts.shape == rows.mask.shape == (2, 100)
    assert texts[0].labelled(100) == int((rows.labels[0] != IGNORED).sum()) > 0
    assert texts[1].labelled(100) == int((rows.labels[1] != IGNORED).sum()) == 0
