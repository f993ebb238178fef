"""Tests of the inference optimizations: the same token ids with each on and off."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deepsound.reason import prompts
from deepsound.reason.videollama2 import inference as asking
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.reason.videollama2.components import VideoLLaMA2Components
from deepsound.reason.videollama2.frames import Frames
from deepsound.reason.videollama2.inference import NO_OPTIMIZATIONS, InferenceOptimizations, ModelAnswer, Question, ask
from deepsound.reason.videollama2.prefix_cache import prefix_cache_of
from deepsound.reason.videollama2.tokenizer import load_tokenizer
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import Progress
from tests.reason.videollama2 import tiny

QUIET = Progress()
TOKENS = 40
VIDEO_TOKENS = 8 * 4 * 4
PLAN = Question(prompts.PLAN_QUESTION, expected=(prompts.expected_plan(),), most_tokens=TOKENS)
JUDGE = Question(prompts.JUDGE_QUESTION, expected=prompts.expected_thoughts(), most_tokens=TOKENS)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> VideoLLaMA2Checkpoint:
    return VideoLLaMA2Checkpoint(tiny.write(tmp_path_factory.mktemp("random"), seed=3, penalty=1.3))


@pytest.fixture
def networks(checkpoint: VideoLLaMA2Checkpoint) -> VideoLLaMA2Components:
    model_cache().unload()
    feature_cache().clear()
    return VideoLLaMA2Components(checkpoint, Execution(device="cpu"))


def frames(seed: int = 0) -> Frames:
    pictures = np.random.default_rng(seed).integers(0, 256, (16, 384, 384, 3), np.uint8)
    return Frames(pictures, tuple(range(16)), 16)


def sound(seed: int = 0) -> Tensor:
    return 8 * torch.randn(1, 2998, 128, generator=torch.Generator().manual_seed(seed))


def about(seed: int) -> Question:
    return replace(JUDGE, filterbank=sound(seed))


@pytest.fixture(scope="module")
def plain(checkpoint: VideoLLaMA2Checkpoint) -> Callable[[Question, Frames], ModelAnswer]:
    """Answers without any shortcut, each worked out once."""
    known: dict[tuple[str, bytes, str], ModelAnswer] = {}
    bare = VideoLLaMA2Components(checkpoint, Execution(device="cpu"))

    def answered(question: Question, shown: Frames) -> ModelAnswer:
        heard = b"" if question.filterbank is None else question.filterbank.numpy().tobytes()
        key = (question.text, heard, shown.digest())
        if key not in known:
            known[key] = ask(bare, shown, question, QUIET, NO_OPTIMIZATIONS)
        return known[key]

    return answered


def test_picture_sound_and_question_all_matter(plain) -> None:
    answers = [
        plain(question, shown).ids
        for question, shown in ((about(0), frames(0)), (about(1), frames(0)), (about(0), frames(1)), (PLAN, frames(0)))
    ]
    assert len(set(answers)) == 4
    assert plain(PLAN, frames(0)).passes == TOKENS and plain(PLAN, frames(0)).reused_tokens == 0


@pytest.mark.parametrize(
    "optimizations",
    [
        InferenceOptimizations(),
        InferenceOptimizations(reuse=False),
        InferenceOptimizations(drafts=False),
        InferenceOptimizations(compiled=True),
        NO_OPTIMIZATIONS,
    ],
    ids=str,
)
def test_the_ids_are_the_same(networks: VideoLLaMA2Components, plain, optimizations: InferenceOptimizations) -> None:
    for question, shown in (
        (PLAN, frames(0)),
        (about(0), frames(0)),
        (about(1), frames(0)),
        (about(0), frames(0)),
        (about(0), frames(1)),
    ):
        assert ask(networks, shown, question, QUIET, optimizations).ids == plain(question, shown).ids


def test_the_second_question_about_a_clip_reads_its_beginning_no_more(networks: VideoLLaMA2Components) -> None:
    first, second, other = (
        ask(networks, shown, question, QUIET)
        for question, shown in ((PLAN, frames(0)), (about(0), frames(0)), (about(0), frames(1)))
    )
    beginning = first.prompt_tokens - len(networks.checkpoint.tokenizer.question(prompts.PLAN_QUESTION)[1])
    assert (first.reused_tokens, second.reused_tokens, other.reused_tokens) == (0, beginning, 0)
    assert beginning > VIDEO_TOKENS and second.prompt_tokens - second.reused_tokens > 1496


def test_a_second_judgement_does_not_look_again(
    networks: VideoLLaMA2Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(networks, frames(0), about(0), QUIET)
    monkeypatch.setattr(asking, "_pixels", lambda *arguments: pytest.fail("the frames were encoded again"))
    ask(networks, frames(0), about(1), QUIET)


def test_an_answer_given_before_is_written_in_one_pass(networks: VideoLLaMA2Components, plain) -> None:
    first, again = (ask(networks, frames(0), about(0), QUIET) for _ in range(2))
    assert again.passes == 1 < first.passes and again.ids == first.ids == plain(about(0), frames(0)).ids


def test_what_is_recalled_ends_with_the_loaded_model(networks: VideoLLaMA2Components) -> None:
    ask(networks, frames(0), PLAN, QUIET)
    model_cache().unload()
    assert ask(networks, frames(0), PLAN, QUIET).reused_tokens == 0


def test_unloading_frees_the_networks_at_once(networks: VideoLLaMA2Components) -> None:
    gone = []
    ask(networks, frames(0), about(0), QUIET)
    for role in ("language", "vision", "audio"):
        with networks.use(role, QUIET) as network:
            gone.append(weakref.ref(network))
    del network
    gc.disable()
    try:
        model_cache().unload()
        assert [reference() for reference in gone] == [None] * 3
    finally:
        gc.enable()


def test_two_who_ask_at_once_do_not_share_a_cache(networks: VideoLLaMA2Components) -> None:
    ask(networks, frames(0), PLAN, QUIET)
    with networks.use("language", QUIET) as model:
        recalled = prefix_cache_of(model)
        kept = recalled._kept
        assert kept is not None
        assert recalled.take(kept[0], 10) is kept[2] and recalled.take(kept[0], 10) is None
        recalled.keep(*kept)
        assert recalled.take(kept[0], kept[2].capacity + 1) is None


def test_text_arrives_as_it_is_written_and_is_the_answer(networks: VideoLLaMA2Components) -> None:
    pieces: list[str] = []
    answer = ask(networks, frames(0), PLAN, QUIET, on_text=pieces.append)
    assert "".join(pieces).strip() == answer.text and len(pieces) > 3
    whole = networks.checkpoint.tokenizer.decode(list(answer.ids))
    # What a tokenizer cannot finish, a character cut off at the very end, is not said.
    assert whole.strip().startswith(answer.text)


def test_it_ends_where_enough_is_written(networks: VideoLLaMA2Components, plain) -> None:
    whole = plain(PLAN, frames(0))
    short = ask(networks, frames(0), replace(PLAN, is_enough=lambda text: len(text) >= 5), QUIET)
    assert whole.ids[: len(short.ids)] == short.ids and len(short.ids) < TOKENS


def test_progress_goes_by_tokens_and_only_forward(networks: VideoLLaMA2Components) -> None:
    shares: list[float] = []
    ask(
        networks,
        frames(0),
        replace(PLAN, expected=()),
        Progress(on_event=lambda event: shares.append(event.fraction or 0.0)),
        NO_OPTIMIZATIONS,
    )
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(set(shares)) > TOKENS


def test_a_tokenizer_is_read_once_and_again_when_its_files_change(tmp_path: Path) -> None:
    folder = tiny.write(tmp_path / "checkpoint")
    first = load_tokenizer(folder)
    assert load_tokenizer(folder) is first
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text() + "\n")
    assert load_tokenizer(folder) is not first
