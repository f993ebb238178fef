"""Items of a chain-of-thought data set: question, answer, category and evidence of one clip.

The form is VideoLLaMA2's (`id`, `video`, `conversations`) with further columns that its trainer ignores. Three tasks
after DeepSound-V1: the plan (CoT structure), the judgement (CoT detail, arXiv 2503.22208, Figure 4) and the project
page's question whether the audio is silent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from deepsound.errors import InputError
from deepsound.reason import prompts
from deepsound.reason.cot import TABLE, Category
from deepsound.runtime.json_schemas import versioned
from deepsound.types import Judgement

Task = Literal["plan", "judge", "silence", "other"]
TASKS: tuple[Task, ...] = get_args(Task)
# What the model is given of a clip.
Media = Literal["both", "sound", "picture"]
MEDIA: tuple[Media, ...] = get_args(Media)
CATEGORIES = tuple(category.value for category in Category)
SPLITS = ("train", "validation", "test")
SILENT, NOT_SILENT = "The audio is silent.", "The audio is not silent."
LETTER = re.compile(r"\s*[AB](?:\.?\s*(?:Yes|No))?\.?\s*")
_SECTION = re.compile("</?(?:SUMMARY|CAPTION|REASONING|CONCLUSION)>")
_QUESTIONS: dict[Task, str] = {
    "plan": prompts.PLAN_QUESTION,
    "judge": prompts.JUDGE_QUESTION,
    "silence": prompts.SILENCE_QUESTION,
}


@dataclass(frozen=True)
class CotItem:
    """One question about a clip and the answer to learn.

    `video` is the file with the sound that is judged, relative to the data set's folder or absolute; `source` names the
    clip that all items of one origin share. `evidence` is what the label rests on: frames, times of people in seconds,
    spans of voice in seconds, duration. `checked` says that a person has looked at it. `media` is what the model is
    given of the clip, one of MEDIA; a task of "other" is any other question with any answer.
    """

    id: str
    video: str
    question: str
    answer: str
    task: str = "judge"
    category: str = ""
    source: str = ""
    split: str = "train"
    label: str = ""
    sound: str = "own"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    checked: bool = False
    media: str = "both"

    def conversation(self) -> dict[str, Any]:
        """The item as VideoLLaMA2's trainer takes it."""
        tag, key = (prompts.AUDIO, "audio") if self.media == "sound" else (prompts.VIDEO, "video")
        turns = [
            {"from": "human", "value": f"{tag}\n{self.question}"},
            {"from": "gpt", "value": self.answer},
        ]
        return {"id": self.id, key: self.video, "conversations": turns}

    def to_json(self) -> dict[str, Any]:
        """The row of the JSON lines file: the conversation and every further column, the same in every row."""
        columns = ("task", "category", "source", "split", "label", "sound", "evidence", "checked", "media")
        said = {"id": self.id, "video": self.video, "conversations": self.conversation()["conversations"]}
        return versioned("training_item", said | {name: getattr(self, name) for name in columns})

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> CotItem:
        """The item of a row of either form. Raises InputError where a part is missing or of another kind."""
        turns = row.get("conversations")
        media = str(row.get("media") or ("sound" if "audio" in row else "both"))
        file = row.get("video", row.get("audio"))
        if not isinstance(file, str) or not isinstance(turns, list) or len(turns) != 2:
            raise InputError(
                "expected an item with `video` or `audio` and one question and answer in `conversations`, got "
                f"{sorted(map(str, row))[:8]}; correct or remove it."
            )
        question, answer = (_text_of(turn, role) for turn, role in zip(turns, ("human", "gpt"), strict=True))
        question = question.replace(prompts.AUDIO if media == "sound" else prompts.VIDEO, "").strip()
        task = str(row.get("task") or _task_of(question, answer))
        evidence = row.get("evidence")
        return cls(
            id=str(row.get("id", file)),
            video=file,
            question=question,
            answer=answer,
            task=task,
            category=str(row.get("category") or ""),
            source=str(row.get("source") or file),
            split=str(row.get("split") or "train"),
            label=str(row.get("label") or ""),
            sound=str(row.get("sound") or "own"),
            evidence=dict(evidence) if isinstance(evidence, Mapping) else {},
            checked=row.get("checked") is True,
            media=media,
        )


def answer_of(category: str) -> str:
    """The chain of thought of one of Figure 4's categories in the training data's wording; a letter for a plain "No".

    Raises InputError for another category.
    """
    if category == "No":
        return "B"
    for number, found in enumerate(TABLE.values()):
        if found.value == category:
            return prompts.expected_thoughts()[number]
    raise InputError(f"expected a category of {', '.join(CATEGORIES)}, got {category!r}; choose one of them.")


def evidence_of(judgement: Judgement, duration_s: float, frames: int | None = None) -> dict[str, Any]:
    """What a judgement rests on, in seconds."""
    return {
        "frames": frames,
        "duration_s": round(duration_s, 3),
        "people_times_s": [round(time_s, 3) for time_s in judgement.people_times_s],
        "voice_spans_s": [[round(span.start_s, 3), round(span.end_s, 3)] for span in judgement.voice_spans],
    }


def items_of_clip(like: CotItem, is_silent: bool) -> tuple[CotItem, ...]:
    """All three tasks about one clip; `like` is its judgement."""
    silence = SILENT if is_silent else NOT_SILENT
    return (
        replace(like, id=f"{like.id}-plan", task="plan", question=_QUESTIONS["plan"], answer=prompts.expected_plan()),
        replace(like, id=f"{like.id}-judge", task="judge", question=_QUESTIONS["judge"]),
        replace(like, id=f"{like.id}-silence", task="silence", question=_QUESTIONS["silence"], answer=silence),
    )


def balanced(items: Sequence[CotItem]) -> list[CotItem]:
    """The items, those of rarer categories repeated until every category is about as frequent as the most frequent."""
    counts = Counter(item.category for item in items if item.task == "judge")
    most = max(counts.values(), default=0)
    times = {category: max(1, round(most / count)) for category, count in counts.items()}
    return [item for item in items for _ in range(times[item.category] if item.task == "judge" else 1)]


def class_counts(items: Iterable[CotItem]) -> dict[str, int]:
    """How many judgements there are of each category; all four are named, empty ones too."""
    counts = Counter(item.category for item in items if item.task == "judge")
    return dict.fromkeys(CATEGORIES, 0) | dict(counts)


def _task_of(question: str, answer: str) -> str:
    """The task of an item that does not say: by its question, else a judgement by its answer's form."""
    known = next((task for task, text in _QUESTIONS.items() if text == question), None)
    if known is not None:
        return known
    return "judge" if is_judgement(answer) else "other"


def is_judgement(answer: str) -> bool:
    """Whether an answer has the form of a judgement: a section's tag in it, or a letter alone."""
    return bool(_SECTION.search(answer) or LETTER.fullmatch(answer))


def _text_of(turn: object, role: str) -> str:
    if isinstance(turn, Mapping) and turn.get("from") == role and isinstance(turn.get("value"), str):
        return str(turn["value"])
    raise InputError(f"expected a turn from {role} with a text, got {str(turn)[:80]!r}; correct or remove the item.")
