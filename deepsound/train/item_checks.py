"""Checks of training items: what is wrong with one, in a sentence, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import InputError
from deepsound.reason.answer_parser import category_of, read_thought, read_verdict
from deepsound.reason.plan import read_plan
from deepsound.runtime.paths import is_file
from deepsound.train.conversations import PLACEHOLDER_IDS
from deepsound.train.cot_items import CATEGORIES, LETTER, MEDIA, NOT_SILENT, SILENT, SPLITS, TASKS, CotItem
from deepsound.types import Verdict

_SECTIONS = ("SUMMARY", "CAPTION", "REASONING", "CONCLUSION")
_OPENED = re.compile(rf"<({'|'.join(_SECTIONS)})>")


@dataclass(frozen=True)
class ItemProblem:
    """An item that is left out, and why."""

    id: str
    why: str

    def __str__(self) -> str:
        return f"{self.id}: {self.why}"


def problem_of(item: CotItem, folder: Path | None = None) -> str:
    """Why the item cannot be learnt, or nothing; with the data set's `folder`, whether its media are there too."""
    if item.task not in TASKS:
        return f"its task is {item.task!r}; expected one of {', '.join(TASKS)}"
    if item.media not in MEDIA:
        return f"its media are {item.media!r}; expected one of {', '.join(MEDIA)}"
    if item.split not in SPLITS:
        return f"its split is {item.split!r}; expected one of {', '.join(SPLITS)}"
    if not item.answer.strip():
        return "its answer is empty"
    tag = next((tag for tag in PLACEHOLDER_IDS if tag in item.answer), None)
    if tag is not None:
        return f"its answer has the placeholder {tag} in it, which would take another item's media"
    if folder is not None and not is_file(folder / item.video, InputError):
        return f"its video {item.video} is not there"
    return _PROBLEMS[item.task](item)


def usable_items(items: Iterable[CotItem], folder: Path | None) -> tuple[list[CotItem], list[ItemProblem]]:
    """The items that can be learnt, and the others with the reason."""
    good, problems = [], []
    for item in items:
        why = problem_of(item, folder)
        if why:
            problems.append(ItemProblem(item.id, why))
        else:
            good.append(item)
    return good, problems


def _plan_problem(item: CotItem) -> str:
    return "" if read_plan(item.answer) else "its plan has no line that begins with StepN:"


def _silence_problem(item: CotItem) -> str:
    if item.answer.strip() in (SILENT, NOT_SILENT):
        return ""
    return f"its answer is {item.answer[:40]!r}; expected {SILENT!r} or {NOT_SILENT!r}"


def _judge_problem(item: CotItem) -> str:
    return next(_judge_problems(item), "")


def _judge_problems(item: CotItem) -> Iterator[str]:
    letter_only = bool(LETTER.fullmatch(item.answer))
    if not letter_only:
        opened = tuple(match.group(1) for match in _OPENED.finditer(item.answer))
        if opened != _SECTIONS:
            yield f"its sections are {', '.join(opened) or 'none'}; expected {', '.join(_SECTIONS)}, in this order"
        missing = [name for name in _SECTIONS if f"</{name}>" not in item.answer]
        if missing:
            yield f"its section {missing[0]} has no end"
    verdict = read_verdict(item.answer)
    if verdict is Verdict.UNDECIDED:
        yield "no verdict can be read in its answer; expected the letter A or B, in English"
    if not item.category:
        return
    if item.category not in (*CATEGORIES, "No"):
        yield f"its category is {item.category!r}; expected one of {', '.join(CATEGORIES)}"
    expected = Verdict.YES if item.category == "Yes" else Verdict.NO
    if verdict is not expected:
        yield f"its category is {item.category}, and its answer's verdict {verdict.value}"
    said = category_of(read_thought(item.answer), verdict)
    if not letter_only and not said:
        yield "its caption and reasoning do not lead to its conclusion, or are not in the published words"
    if said and item.category != "No" and said != item.category:
        yield f"its category is {item.category}, and its text says {said}"


_PROBLEMS = {"plan": _plan_problem, "judge": _judge_problem, "silence": _silence_problem, "other": lambda item: ""}
