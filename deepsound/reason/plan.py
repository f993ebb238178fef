"""Step 0's plan in the published model's four lines (arXiv 2503.22208, Figure 3)."""

from __future__ import annotations

import re

from deepsound.types import Plan

STEPS = (
    "Step1: Generate audio from video.",
    "Step2: Given a video and its generated audio, determine whether the audio contains voice-over.",
    "Step3: Remove voice-over from audio.",
    "Step4: Determine whether the audio is silent.",
)


def four_steps() -> Plan:
    """The plan every reasoner of this paper gives: generate, judge, remove, check for silence."""
    return Plan(STEPS, "\n".join(STEPS))


_PUBLISHED = re.compile(r"(Step\d:.*?)(?=Step\d:|$)", re.DOTALL)
_STEP = re.compile(r"\bstep\s*(\d)\s*[:.)-]", re.IGNORECASE)
_MOST_READ = 20_000


def published_lines(answer: str) -> list[str]:
    """The plan's lines by the original's rule: what begins with exactly `StepN:`, to the end of its first line."""
    return [found.strip().split("\n")[0] for found in _PUBLISHED.findall(answer[:_MOST_READ])]


def read_plan(answer: str) -> tuple[str, ...]:
    """The plan's lines, however the model spaced, spelt or punctuated them; a published step is given as published.

    Empty where nothing in the answer is a step.
    """
    found = list(_STEP.finditer(answer, 0, _MOST_READ))
    ends = [*(step.start() for step in found[1:]), _MOST_READ]
    lines = [_line(step.group(1), answer[step.end() : end]) for step, end in zip(found, ends, strict=False)]
    return tuple(line for line in lines if line)


def _line(number: str, text: str) -> str:
    """A step as `StepN: text`, or nothing where it has no text."""
    first = text.strip().split("\n")[0].strip()
    line = f"Step{number}: {first}"
    return next((step for step in STEPS if _plain(step) == _plain(line)), line if first else "")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
