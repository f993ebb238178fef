"""From motion to events: what is heard when, how hard and where, before any sound is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.blows import Blow
from deepsound.generate.draft.motion import Movement, MotionTrack

# A hit must lose this much speed (long sides per second), and this share of what it had.
LEAST_BLOW = 0.12
LEAST_LOSS_SHARE = 0.7
LEAST_BEFORE, LEAST_AFTER = 0.35, 0.5
LEAST_STEADY_DIRECTION = 0.8
LEAST_SHARE = 0.3
# It must stand out: from what goes on around it, and against the hardest hit nearby.
STANDING_OUT, AROUND_S = 4.0, 0.5
LEAST_OF_HARDEST, NEARBY_S = 0.22, 1.5
CLOSEST_HITS_S = 0.09
# Something that reaches over the picture's edge may be the scenery itself, when little else holds still.
LEAST_STEADY, STEADY_AROUND_S = 0.25, 1.0

WHOOSH_SPEED, WHOOSH_SHORTEST_S = 0.8, 0.16
SCRAPE_SPEEDS, SCRAPE_SHORTEST_S, SCRAPE_LARGEST_AREA = (0.05, 0.45), 0.5, 0.2
LONGEST_GAP_S = 0.12


@dataclass(frozen=True)
class Hit:
    """An impact at `time_s`: `force` from 0 to 1 of the clip's hardest, `size` the thing's share of the picture."""

    time_s: float
    force: float
    x: float
    size: float


@dataclass(frozen=True)
class Sweep:
    """Motion that goes on: knots of `times_s`, `speeds` (long sides per second) and `xs` (0 left to 1 right)."""

    times_s: tuple[float, ...]
    speeds: tuple[float, ...]
    xs: tuple[float, ...]

    @property
    def start_s(self) -> float:
        return self.times_s[0]

    @property
    def end_s(self) -> float:
        return self.times_s[-1]


@dataclass(frozen=True)
class Score:
    """All that is to be heard in a clip of `duration_s`; `activity` follows the whole picture's motion energy."""

    duration_s: float
    hits: tuple[Hit, ...] = ()
    whooshes: tuple[Sweep, ...] = ()
    scrapes: tuple[Sweep, ...] = ()
    activity: Sweep | None = None


def plan(track: MotionTrack) -> Score:
    """The events of a clip's motion."""
    hits = plan_hits(track)
    moved = [movement for movement in track.movements if movement.energy > 0.0]
    whooshes = _sweeps([_fast(m) for m in moved], moved, WHOOSH_SHORTEST_S)
    scrapes = _sweeps([_scraping(m) for m in moved], moved, SCRAPE_SHORTEST_S)
    return Score(track.duration_s, hits, whooshes, scrapes, _activity(track.movements))


def plan_hits(track: MotionTrack) -> tuple[Hit, ...]:
    """The impacts among the blows, in order of time, the hardest of those too close together."""
    times_s = np.array([blow.time_s for blow in track.blows])
    weights = np.array([blow.strength * blow.before * blow.after for blow in track.blows])
    taken: list[int] = []
    for index in np.argsort(-weights, kind="stable"):
        blow, weight = track.blows[index], weights[index]
        if weight < LEAST_BLOW:
            break
        apart_s = np.abs(times_s - blow.time_s)
        stands_out = (weight >= STANDING_OUT * np.percentile(weights[apart_s < AROUND_S], 40)
                      and weight >= LEAST_OF_HARDEST * weights[apart_s < NEARBY_S].max())
        alone = all(apart_s[other] >= CLOSEST_HITS_S for other in taken)
        if stands_out and alone and _is_impact(blow) and not _is_scenery(blow, track.movements):
            taken.append(int(index))
    hardest = max((weights[index] for index in taken), default=1.0)
    hits = (Hit(track.blows[i].time_s, float(weights[i] / hardest), track.blows[i].x, track.blows[i].area) for i in taken)
    return tuple(sorted(hits, key=lambda hit: hit.time_s))


def _is_impact(blow: Blow) -> bool:
    return (blow.loss >= LEAST_LOSS_SHARE * blow.speed and blow.before >= LEAST_BEFORE and blow.after >= LEAST_AFTER
            and blow.steady_direction >= LEAST_STEADY_DIRECTION and blow.share >= LEAST_SHARE)


def _is_scenery(blow: Blow, movements: tuple[Movement, ...]) -> bool:
    around = [m.steady for m in movements if abs(m.time_s - blow.time_s) < STEADY_AROUND_S]
    return blow.at_edge and float(np.percentile(around, 20)) < LEAST_STEADY


def _fast(movement: Movement) -> float:
    return movement.top_speed if movement.top_speed > WHOOSH_SPEED else 0.0


def _scraping(movement: Movement) -> float:
    """The speed of something compact that slides along rather level and not fast, else 0."""
    speed = float(np.hypot(movement.drift_x, movement.drift_y))
    slow, fast = SCRAPE_SPEEDS
    level = abs(movement.drift_x) > 3.0 * abs(movement.drift_y)
    return speed if slow < speed < fast and level and movement.area < SCRAPE_LARGEST_AREA else 0.0


def _sweeps(speeds: list[float], movements: list[Movement], shortest_s: float) -> tuple[Sweep, ...]:
    """The stretches over which `speeds`, one for each movement, stay above 0 for long enough."""
    runs: list[list[int]] = [[]]
    for index, (speed, movement) in enumerate(zip(speeds, movements, strict=True)):
        late = runs[-1] and movement.time_s - movements[runs[-1][-1]].time_s > LONGEST_GAP_S
        if late:
            runs.append([])
        if speed > 0.0:
            runs[-1].append(index)
    long_enough = (run for run in runs if run and movements[run[-1]].time_s - movements[run[0]].time_s >= shortest_s)
    return tuple(
        Sweep(tuple(movements[i].time_s for i in run), tuple(speeds[i] for i in run), tuple(movements[i].x for i in run))
        for run in long_enough)


def _activity(movements: tuple[Movement, ...]) -> Sweep | None:
    """The picture's motion over time, the camera's counted in."""
    if not movements:
        return None
    return Sweep(tuple(m.time_s for m in movements), tuple(m.energy + 0.3 * m.camera_speed for m in movements),
                 tuple(m.x for m in movements))
