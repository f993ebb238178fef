"""Overlapping windows over a long clip, as long as in training, with edges at cuts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.types import Span


@dataclass(frozen=True)
class WindowPlan:
    """Lengths in seconds. Clips up to `longest_single_s` are one window; an edge moves to a cut within `snap_s`.

    No window is shorter than `shortest_s`, which a generator's sync segment needs.
    """

    window_s: float = 8.0
    overlap_s: float = 2.0
    snap_s: float = 1.0
    longest_single_s: float = 12.0
    shortest_s: float = 0.64

    def __post_init__(self) -> None:
        values = (self.window_s, self.overlap_s, self.snap_s, self.longest_single_s, self.shortest_s)
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise InputError(f"expected window lengths of 0 seconds or more, got {values}.")
        if self.window_s < 2 * self.overlap_s or self.window_s < 2 * max(self.shortest_s, self.snap_s):
            raise InputError(
                f"expected a window at least twice its overlap ({self.overlap_s:g} s) and twice the "
                f"{max(self.shortest_s, self.snap_s):g} s by which its edges may move, got {self.window_s:g} s; "
                "give a longer one."
            )


@dataclass(frozen=True)
class Window:
    """A stretch of the clip, and whether it begins at a scene cut, across which nothing is carried over."""

    span: Span
    starts_at_cut: bool = False


def plan_windows(
    duration_s: float, cuts_s: Sequence[float] = (), plan: WindowPlan = WindowPlan()
) -> tuple[Window, ...]:
    """Windows that cover [0, duration_s): overlapping, or meeting at a cut where an edge lies within `snap_s` of one.

    All edges but the clip's own lie on overlaps or cuts; the last window ends exactly with the clip. A window of 0
    seconds asks for one over everything. Raises InputError for a duration that is not positive.
    """
    if not (math.isfinite(duration_s) and duration_s > 0):
        raise InputError(f"The duration to be divided is {duration_s} s; expected more than 0 seconds.")
    whole = (Window(Span(0.0, duration_s)),)
    if plan.window_s == 0 or duration_s <= max(plan.longest_single_s, plan.window_s):
        return whole
    windows: list[Window] = []
    start_s, at_cut = 0.0, False
    while True:
        end_s = start_s + plan.window_s
        # What would be left must not be a sliver: the last window takes it along.
        if duration_s - end_s < max(plan.overlap_s, plan.shortest_s):
            windows.append(Window(Span(start_s, duration_s), at_cut))
            return tuple(windows)
        cut_s = _nearest(cuts_s, end_s, plan.snap_s)
        usable = cut_s is not None and duration_s - cut_s >= max(plan.shortest_s, plan.overlap_s)
        end_s = cut_s if usable and cut_s is not None else end_s
        windows.append(Window(Span(start_s, end_s), at_cut))
        start_s, at_cut = (end_s, True) if usable else (end_s - plan.overlap_s, False)


def _nearest(cuts_s: Sequence[float], edge_s: float, within_s: float) -> float | None:
    near = [cut for cut in cuts_s if abs(cut - edge_s) <= within_s]
    return min(near, key=lambda cut: abs(cut - edge_s), default=None)
