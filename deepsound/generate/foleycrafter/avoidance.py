"""Masked picture conditions of FoleyCrafter: spans without onsets and image tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepsound.generate.foleycrafter.request import FRAMES
from deepsound.generate.foleycrafter.windows import LONGEST_S
from deepsound.models.foleycrafter.timing import COLUMNS, COLUMNS_PER_SECOND
from deepsound.types import Span


def within_window(spans: Sequence[Span], window: Span) -> tuple[Span, ...]:
    """The parts of `spans` that lie within `window`, in seconds from its start."""
    cut = (Span(max(span.start_s, window.start_s), min(span.end_s, window.end_s)) for span in spans)
    return tuple(
        Span(span.start_s - window.start_s, span.end_s - window.start_s) for span in cut if span.end_s > span.start_s
    )


def rows_outside(rows: Sequence[int], spans: Sequence[Span], duration_s: float) -> list[int]:
    """Those of the frames `rows`, of 150 evenly over `duration_s`, that no span has any part of."""
    step_s = duration_s / FRAMES
    return [
        row
        for row in rows
        if not any(span.start_s < (row + 1) * step_s and row * step_s < span.end_s for span in spans)
    ]


def without_onsets(timing: Tensor, spans: Sequence[Span]) -> Tensor:
    """The time condition [1024] with no onset within `spans`, by the published columns per second."""
    return torch.where(_columns(spans, COLUMNS_PER_SECOND), torch.full_like(timing, -1.0), timing)


def visible_columns(spans: Sequence[Span]) -> Tensor | None:
    """[1024], 0 in the columns of the sound within `spans` and 1 elsewhere; None without any."""
    return (~_columns(spans, COLUMNS / LONGEST_S)).float() if spans else None


def _columns(spans: Sequence[Span], columns_per_s: float) -> Tensor:
    """[1024], true for each column that any of `spans` has a part of."""
    starts_s = torch.arange(COLUMNS) / columns_per_s
    inside = torch.zeros(COLUMNS, dtype=torch.bool)
    for span in spans:
        inside |= (starts_s < span.end_s) & (starts_s + 1 / columns_per_s > span.start_s)
    return inside
