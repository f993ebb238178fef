"""Greedy decoding with guesses: the same ids, in fewer passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.decoding import GenerationSettings, GreedyDecoder
from deepsound.reason.videollama2.speculative import PromptLookup
from tests.reason.videollama2 import tiny

PROMPT = 9

pytestmark = pytest.mark.usefixtures("no_gradients")


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return tiny.seeded(LanguageModel(tiny.CONFIG.language), seed=5).eval()


def prompt(seed: int = 0) -> torch.Tensor:
    return torch.randn(1, PROMPT, tiny.CONFIG.language.width, generator=torch.Generator().manual_seed(seed))


def decoded(
    model: LanguageModel,
    tokens: int = 40,
    penalty: float = 1.05,
    drafts: PromptLookup | None = None,
    ends: Sequence[int] = (),
    seed: int = 0,
    fixed: bool = False,
) -> GreedyDecoder:
    settings = GenerationSettings(frozenset(ends), penalty, tokens)
    decoder = GreedyDecoder(model, model.new_cache(PROMPT + tokens, fixed), settings, drafts)
    assert list(decoder.tokens(prompt(seed))) == decoder.written
    return decoder


@pytest.mark.parametrize("penalty", [1.0, 1.05, 1.5])
@pytest.mark.parametrize("wrong_at", [None, 0, 1, 7, 20, 39])
def test_guesses_change_the_passes_and_not_the_ids(model: LanguageModel, penalty: float, wrong_at: int | None) -> None:
    plain = decoded(model, penalty=penalty)
    guess = list(plain.written)
    if wrong_at is not None:
        guess[wrong_at] = (guess[wrong_at] + 1) % tiny.VOCABULARY
    drafted = decoded(model, penalty=penalty, drafts=PromptLookup([guess]))
    assert drafted.written == plain.written and plain.passes == 40
    assert drafted.passes < plain.passes
    if wrong_at is None:
        assert drafted.passes == 1


def test_a_guess_that_is_wrong_throughout_costs_nothing_but_its_reading(model: LanguageModel) -> None:
    plain = decoded(model)
    nonsense = [(token + 1) % tiny.VOCABULARY for token in plain.written]
    drafted = decoded(model, drafts=PromptLookup([nonsense]))
    assert drafted.written == plain.written and drafted.passes <= plain.passes


def test_guesses_shorter_and_longer_than_the_answer(model: LanguageModel) -> None:
    plain = decoded(model)
    for guess in (plain.written[:1], plain.written[:11], plain.written + plain.written):
        assert decoded(model, drafts=PromptLookup([guess])).written == plain.written


def test_the_penalty_weighs_on_what_was_written_as_transformers_does_it(model: LanguageModel) -> None:
    from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

    written: list[int] = []
    process = RepetitionPenaltyLogitsProcessor(1.5)
    for _ in range(20):
        ids = torch.tensor([written], dtype=torch.long)
        row = model(torch.cat((prompt(), model.embed(ids)), dim=1), rows=1)[0]
        written.append(int(process(ids, row.clone()).argmax()))
    assert decoded(model, 20, penalty=1.5).written == written != decoded(model, 20, penalty=1.0).written


def test_an_end_token_ends_it_and_is_the_last(model: LanguageModel) -> None:
    plain = decoded(model, penalty=1.5)
    end = plain.written[6]
    expected = plain.written[: plain.written.index(end) + 1]
    for drafts in (None, PromptLookup([plain.written])):
        assert decoded(model, penalty=1.5, ends=[end], drafts=drafts).written == expected


def test_the_cap_holds_with_and_without_guesses(model: LanguageModel) -> None:
    long = decoded(model, 40).written
    for tokens in (1, 2, 33):
        assert decoded(model, tokens).written == long[:tokens]
        assert decoded(model, tokens, drafts=PromptLookup([long])).written == long[:tokens]


def test_steps_of_fixed_shape_write_the_same(model: LanguageModel) -> None:
    plain = decoded(model)
    assert decoded(model, fixed=True).written == plain.written
    assert decoded(model, fixed=True, drafts=PromptLookup([plain.written[:5]])).written == plain.written


def test_the_first_logits_are_kept_untouched(model: LanguageModel) -> None:
    expected = model(prompt(), rows=1)[0, 0]
    assert torch.allclose(decoded(model, 5, penalty=1.5).first_row, expected, atol=1e-5)


def test_ending_early_leaves_the_cache_at_what_was_taken(model: LanguageModel) -> None:
    kept = model.new_cache(PROMPT + 40)
    decoder = GreedyDecoder(model, kept, GenerationSettings(max_new_tokens=40))
    first = [token for _, token in zip(range(4), decoder.tokens(prompt()), strict=False)]
    kept.rewind(PROMPT)
    again = GreedyDecoder(model, kept, GenerationSettings(max_new_tokens=40))
    last_row = prompt()[:, -1:]
    kept.rewind(PROMPT - 1)
    assert [token for _, token in zip(range(4), again.tokens(last_row), strict=False)] == first


def test_guesses_come_from_the_newest_answer_and_follow_what_was_written() -> None:
    drafts = PromptLookup([[1, 2, 3, 4, 5, 6]])
    assert drafts.propose([], 3) == [1, 2, 3] and drafts.propose([1, 2], 9) == [3, 4, 5, 6]
    drafts.learn([1, 2, 9, 10, 11])
    assert drafts.propose([], 2) == [1, 2] and drafts.propose([1, 2], 9) == [9, 10, 11]
    assert drafts.propose([7, 3, 4], 9) == [5, 6]
    assert drafts.propose([7, 2, 3, 4, 80], 9) == [6]  # another word in the place of 5
    assert drafts.propose([7, 8, 6], 9) == [] and drafts.propose([1], 0) == [] and PromptLookup().propose([], 5) == []


def test_old_answers_are_forgotten() -> None:
    drafts = PromptLookup()
    for number in range(100):
        drafts.learn([number, number + 1000, number + 2000])
    assert drafts.propose([3], 5) == [] and drafts.propose([99], 5) == [1099, 2099]


def test_an_output_that_is_no_number_is_not_taken_for_an_answer(model: LanguageModel) -> None:
    overflown = prompt()
    overflown[0, 3] = float("nan")
    with pytest.raises(EngineError, match="bf16 or fp32"):
        next(GreedyDecoder(model, model.new_cache(20), GenerationSettings()).tokens(overflown))
