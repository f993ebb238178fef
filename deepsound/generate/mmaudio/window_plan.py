"""Window plans of a long clip: latents, CLIP frames and Synchformer segments.

Between two cuts lies a section, whose windows overlap and are sampled together; sections share nothing but the noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from deepsound.errors import InputError
from deepsound.generate.scene_prompts import PromptSchedule
from deepsound.media.windows import Window, WindowPlan, plan_windows
from deepsound.models.mmaudio.lengths import (
    CLIP_FPS,
    FEATURES_PER_SEGMENT,
    FRAMES_BETWEEN_SEGMENTS,
    FRAMES_PER_SEGMENT,
    MIN_DURATION,
    SYNC_FPS,
    LatentRate,
    LatentWindow,
    SequenceLengths,
)
from deepsound.types import Span

# Sections meet at a cut in a joint of this length: each reaches half of it beyond the cut.
JOINT_S = 0.05
SHORTEST_S = 2.0
LONGEST_S = 60.0
_NEAR_S = 1.0


@dataclass(frozen=True)
class ConditionWindow:
    """One window: its `latent` range within the section, and which features lead it.

    `clip` and `sync` are ranges of the whole clip's frames at 8 and 25 a second; `sync` begins on the section's grid of
    segments. `text` is the prompt, `span` the stretch in seconds.
    """

    span: Span
    latent: LatentWindow
    clip: tuple[int, int]
    sync: tuple[int, int]
    text: str

    @property
    def lengths(self) -> SequenceLengths:
        segments = (self.sync[1] - self.sync[0] - FRAMES_PER_SEGMENT) // FRAMES_BETWEEN_SEGMENTS + 1
        return SequenceLengths(self.latent.length, self.clip[1] - self.clip[0], FEATURES_PER_SEGMENT * segments)


@dataclass(frozen=True)
class Section:
    """Latents [start, stop) of the whole sound, sampled together in `windows`; `span` ends at the cuts themselves."""

    span: Span
    start: int
    stop: int
    windows: tuple[ConditionWindow, ...]

    @property
    def first_tick(self) -> int:
        """The first frame at 25 a second that shows the section: where its grid of segments begins."""
        return math.ceil(self.span.start_s * SYNC_FPS - 1e-6)

    @property
    def length(self) -> int:
        return self.stop - self.start


def settings_for(window_s: float | None) -> WindowPlan | None:
    """Windows of a given length, or the default ones (8 s, above 12 s) for None; None for 0, which is one pass.

    Raises InputError for a length outside 2 to 60 seconds.
    """
    if window_s is None:
        return WindowPlan()
    if isinstance(window_s, bool) or not isinstance(window_s, (int, float)) or not math.isfinite(window_s):
        raise InputError(f"The window is {window_s!r}; give a number of seconds, 0 for one pass.")
    if window_s == 0:
        return None
    if not SHORTEST_S <= window_s <= LONGEST_S:
        raise InputError(
            f"The window is {window_s:g} s; give {SHORTEST_S:g} to {LONGEST_S:g} s (8 as trained), or 0 for one pass."
        )
    overlap_s, snap_s = min(2.0, window_s / 4), min(1.0, window_s / 4)
    return WindowPlan(float(window_s), overlap_s, snap_s, longest_single_s=float(window_s), shortest_s=MIN_DURATION)


def is_windowed(duration_s: float, window_s: float | None) -> bool:
    """Whether a sound of that length is made in windows. Raises InputError as `settings_for` does."""
    plan = settings_for(window_s)
    return plan is not None and duration_s > max(plan.longest_single_s, plan.window_s)


def plan_sections(
    duration_s: float,
    cuts_s: Sequence[float],
    schedule: PromptSchedule,
    rate: LatentRate,
    plan: WindowPlan,
) -> tuple[Section, ...]:
    """The sections of a sound of `duration_s`, whose windows' edges lie at cuts where one is near.

    Where the prompt changes away from any cut, the windows of both sides overlap and the sound changes over.
    """
    windows = _windows(duration_s, cuts_s, schedule, plan)
    begins = [index for index, window in enumerate(windows) if window.starts_at_cut or index == 0]
    groups = [windows[begin:end] for begin, end in pairwise([*begins, len(windows)])]
    return tuple(_section(group, duration_s, schedule, rate) for group in groups)


def _windows(duration_s: float, cuts_s: Sequence[float], schedule: PromptSchedule, plan: WindowPlan) -> list[Window]:
    """The plan's windows, within each prompt's stretch."""
    edges = _prompt_edges(schedule.edges_s(duration_s), cuts_s, duration_s, plan)
    half_s = plan.overlap_s / 2
    found: list[Window] = []
    for (begin_s, begins_at_cut), (end_s, ends_at_cut) in pairwise([(0.0, True), *edges, (duration_s, True)]):
        begin_s = begin_s if begins_at_cut else begin_s - half_s
        end_s = end_s if ends_at_cut else end_s + half_s
        stretch = plan_windows(end_s - begin_s, [cut - begin_s for cut in cuts_s if begin_s < cut < end_s], plan)
        moved = [
            replace(window, span=Span(window.span.start_s + begin_s, window.span.end_s + begin_s)) for window in stretch
        ]
        moved[0] = replace(moved[0], starts_at_cut=begins_at_cut and bool(found))
        moved[-1] = replace(moved[-1], span=Span(moved[-1].span.start_s, end_s))
        found += moved
    return found


def _prompt_edges(
    edges_s: Sequence[float], cuts_s: Sequence[float], duration_s: float, plan: WindowPlan
) -> list[tuple[float, bool]]:
    """Where prompts change, moved to a cut within a second, and whether it is one; none nearer than an overlap."""
    least_s = max(plan.overlap_s, 2 * plan.shortest_s)
    kept: list[tuple[float, bool]] = []
    for edge_s in edges_s:
        near = [cut for cut in cuts_s if abs(cut - edge_s) <= _NEAR_S]
        moved_s = min(near, key=lambda cut: abs(cut - edge_s), default=edge_s)
        before_s = kept[-1][0] if kept else 0.0
        if moved_s - before_s >= least_s and duration_s - moved_s >= least_s:
            kept.append((moved_s, bool(near)))
    return kept


def _section(windows: Sequence[Window], duration_s: float, schedule: PromptSchedule, rate: LatentRate) -> Section:
    begin_s, end_s = windows[0].span.start_s, windows[-1].span.end_s
    per_s = rate.sample_rate / rate.samples(1)
    total = rate.latents(duration_s)
    start = 0 if begin_s == 0 else max(0, math.floor((begin_s - JOINT_S / 2) * per_s))
    stop = total if end_s >= duration_s else min(total, math.ceil((end_s + JOINT_S / 2) * per_s))
    ticks = [_ticks(window, begin_s, duration_s) for window in windows]
    edges = [(first / SYNC_FPS, last / SYNC_FPS) for first, last in ticks]
    bounds = [
        (
            start if index == 0 else math.floor(first_s * per_s),
            stop if index == len(windows) - 1 else min(total, math.ceil(last_s * per_s)),
        )
        for index, (first_s, last_s) in enumerate(edges)
    ]
    made = []
    for index, window in enumerate(windows):
        first, last = bounds[index]
        fade_in = max(0, bounds[index - 1][1] - first) if index else 0
        fade_out = max(0, last - bounds[index + 1][0]) if index + 1 < len(windows) else 0
        latent = LatentWindow(first - start, last - start, fade_in, fade_out)
        clip = _clip_frames(edges[index], begin_s, end_s, duration_s)
        made.append(ConditionWindow(window.span, latent, clip, ticks[index], schedule.text_over(window.span)))
    return Section(Span(begin_s, end_s), start, stop, tuple(made))


def _ticks(window: Window, begin_s: float, duration_s: float) -> tuple[int, int]:
    """The window's frames at 25 a second, from a whole number of segments after the section's first one."""
    origin = math.ceil(begin_s * SYNC_FPS - 1e-6)
    segments = round(((window.span.start_s - begin_s) * SYNC_FPS) / FRAMES_BETWEEN_SEGMENTS)
    first = origin + segments * FRAMES_BETWEEN_SEGMENTS
    ends_with_clip = window.span.end_s >= duration_s
    last = int(SYNC_FPS * duration_s) if ends_with_clip else math.ceil(window.span.end_s * SYNC_FPS - 1e-6)
    # A shorter stretch than one segment repeats what lies before it.
    return min(first, max(0, last - FRAMES_PER_SEGMENT)), last


def _clip_frames(edges_s: tuple[float, float], begin_s: float, end_s: float, duration_s: float) -> tuple[int, int]:
    """The window's frames at 8 a second, none of them from beyond a cut."""
    first, last = (round(edge * CLIP_FPS) for edge in edges_s)
    first = max(first, math.ceil(begin_s * CLIP_FPS - 1e-6))
    beyond = int(CLIP_FPS * duration_s) if end_s >= duration_s else math.ceil(end_s * CLIP_FPS - 1e-6)
    return min(first, beyond - 1), max(min(last, beyond), min(first, beyond - 1) + 1)
