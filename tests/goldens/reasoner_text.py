"""Prompts, token ids and the published rules for reading answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deepsound.models.videollama2.batch import IGNORED, PLACEHOLDERS
from deepsound.reason import prompts
from deepsound.reason.answer_parser import published_letter, published_verdict
from deepsound.reason.plan import STEPS, published_lines
from deepsound.types import Verdict
from tests.goldens import qwen_tokens

Row = tuple[str, Any, Any, float]
PIECES = "tokenised_in_two_pieces"
QUESTIONS = {"step0": prompts.PLAN_QUESTION, "step2": prompts.JUDGE_QUESTION}


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    yield from _wording(golden)
    yield from _ids(golden)
    for answer, letter, is_voice_over in golden["parse_cases_cot"]:
        got = published_letter(answer)
        yield f"letter of {answer!r}", ("IndexError" if got is None else got) == letter, True, 0.0
        verdict = {True: Verdict.YES, False: Verdict.NO, None: Verdict.UNDECIDED}[is_voice_over]
        yield f"verdict of {answer!r}", published_verdict(answer, is_chain=True) is verdict, True, 0.0
    for answer, is_voice_over in golden["parse_cases_qa"]:
        got_yes = published_verdict(answer, is_chain=False) is Verdict.YES
        yield f"letter alone of {answer!r}", got_yes, is_voice_over, 0.0
    for answer, lines in golden["parse_cases_plan"]:
        yield f"plan of {answer[:40]!r}", published_lines(answer) == lines, True, 0.0


def _wording(golden: dict[str, Any]) -> Iterator[Row]:
    for step, question in QUESTIONS.items():
        before, after = prompts.split_at_video(prompts.chat(question))
        pieces = golden.get(PIECES, {})
        checks = {
            "question": question == golden["questions"][step],
            "user content": prompts.user_content(question) == golden["user_content"][step],
            "prompt": prompts.chat(question) == golden["prompt_text"][step],
            **({"before": before == pieces["before"]} if "before" in pieces else {}),
            **({"after": after == pieces[f"after_{step}"]} if f"after_{step}" in pieces else {}),
        }
        for name, same in checks.items():
            yield f"{step} {name}", same, True, 0.0
    yield "plan lines", list(STEPS) == golden["plan_lines"], True, 0.0
    yield "ignored label", IGNORED, golden["ignore_index"], 0.0
    yield "placeholders", PLACEHOLDERS, sorted(golden["placeholders"].values(), reverse=True), 0.0


def _ids(golden: dict[str, Any]) -> Iterator[Row]:
    tokenizer = qwen_tokens.tokenizer(golden["special_ids"])
    if PIECES not in golden:
        yield f"{PIECES} is not in the file", False, True, 0.0
    for name, text in golden.get(PIECES, {}).items():
        got = None if tokenizer is None else tokenizer.encode(text)
        missing = "" if tokenizer is not None else " (no table of Qwen's byte pairs: install dashscope)"
        yield f"ids {name}{missing}", got, golden["token_ids"][name], 0.0
