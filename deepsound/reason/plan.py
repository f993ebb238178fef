"""Step 0's plan in the published model's four lines (arXiv 2503.22208, Figure 3)."""

from __future__ import annotations

import re

from deepsound.reason.answer_parser import MOST_READ, plain
from deepsound.runtime.progress import Progress
from deepsound.types import Plan

STEPS = (
    "Step1: Generate audio from video.",
    "Step2: Given a video and its generated audio, determine whether the audio contains voice-over.",
    "Step3: Remove voice-over from audio.",
    "Step4: Determine whether the audio is silent.",
)
_PUBLISHED = re.compile(r"(Step\d:.*?)(?=Step\d:|$)", re.DOTALL)
_STEP = re.compile(r"\bstep\s*(\d)\s*[:.)-]", re.IGNORECASE)


def say_four_steps(progress: Progress) -> Plan:
    """The published plan, generate, judge, remove, check for silence; reported line by line."""
    for step in STEPS:
        progress.say(step)
    return Plan(STEPS, "\n".join(STEPS))


def plan_of_answer(answer: str, progress: Progress) -> Plan:
    """A model's plan; one that cannot be read is replaced by the published one, which is said, and its text kept."""
    text = answer[:MOST_READ]
    steps = read_plan(plain(text))
    if not steps:
        progress.say("The model's plan cannot be read; the published four steps are taken.")
    return Plan(steps or STEPS, text)


def published_lines(answer: str) -> list[str]:
    """The plan's lines by the original's rule: what begins with exactly `StepN:`, to the end of its first line."""
    return [found.strip().split("\n")[0] for found in _PUBLISHED.findall(answer[:MOST_READ])]


def read_plan(answer: str) -> tuple[str, ...]:
    """The plan's lines, however the model spaced, spelt or punctuated them; a published step is given as published.

    Empty where nothing in the answer is a step.
    """
    found = list(_STEP.finditer(answer, 0, MOST_READ))
    ends = [*(step.start() for step in found[1:]), MOST_READ]
    lines = [_line(step.group(1), answer[step.end() : end]) for step, end in zip(found, ends, strict=False)]
    return tuple(line for line in lines if line)


def _line(number: str, text: str) -> str:
    """A step as `StepN: text`, or nothing where it has no text."""
    first = text.strip().split("\n")[0].strip()
    line = f"Step{number}: {first}"
    return next((step for step in STEPS if _plain(step) == _plain(line)), line if first else "")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
