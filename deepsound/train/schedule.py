"""MMAudio's learning-rate schedule: linear warm-up, then steps, a polynomial, or a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ScheduleSettings:
    """The published values; `milestones` and `iterations` count from the end of the warm-up, as in the original."""

    learning_rate: float = 1e-4
    warmup_steps: int = 1000
    kind: Literal["step", "poly", "constant"] = "step"
    milestones: tuple[int, ...] = (240_000, 270_000)
    factor: float = 0.1
    iterations: int = 300_000
    poly_power: float = 0.9


def learning_rate(iteration: int, settings: ScheduleSettings = ScheduleSettings()) -> float:
    """The rate the optimiser uses in `iteration`, counted from 0."""
    if iteration < settings.warmup_steps:
        return settings.learning_rate * (iteration + 1) / (settings.warmup_steps + 1)
    after = iteration - settings.warmup_steps
    if settings.kind == "poly":
        return settings.learning_rate * max(1 - after / settings.iterations, 0.0) ** settings.poly_power
    if settings.kind == "constant":
        return settings.learning_rate
    passed = sum(after >= milestone for milestone in settings.milestones)
    return settings.learning_rate * settings.factor**passed
