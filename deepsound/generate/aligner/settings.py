"""Checked settings of the aligner that both directions share."""

from __future__ import annotations

import math

from deepsound.errors import InputError
from deepsound.generate.aligner.guide import UPDATES, GuideSettings

MOST_INNER_STEPS = 20
LARGEST_RATE = 10.0


def check_guide(settings: GuideSettings) -> None:
    """Raise InputError for a warm-up, a number of inner steps or an update that cannot be."""
    if settings.update not in UPDATES:
        raise InputError(f"update: expected one of {', '.join(UPDATES)}, got {settings.update!r}; choose one of them.")
    if not (math.isfinite(settings.warmup) and 0 <= settings.warmup <= 1):
        raise InputError(f"warmup: expected a share of the steps from 0 to 1, got {settings.warmup}; 0.2 is published.")
    count = settings.inner_steps
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_INNER_STEPS:
        raise InputError(f"inner_steps: expected 1 to {MOST_INNER_STEPS}, got {count!r}; 1 is published.")


def check_rate(what: str, rate: float) -> None:
    """Raise InputError for a step size that is negative, not finite, or far too large."""
    if not (math.isfinite(rate) and 0 <= rate <= LARGEST_RATE):
        raise InputError(f"{what}: expected a step size from 0 to {LARGEST_RATE:g}, got {rate}; choose one in between.")
