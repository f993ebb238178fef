"""The embedded benchmark's onset table: rules and network on the same motion, by scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from deepsound.generate.draft.impact_selection import (
    ALONE,
    ImpactRule,
    impacts_by_network,
    impacts_by_rule,
    plan_impacts,
)
from deepsound.generate.draft.motion import MotionTrack
from deepsound.generate.draft.onset_peaks import onset_peaks
from deepsound.generate.draft.score import Impact
from tests.generate import (
    held_out_scenes,
    more_scenes,
    scenes,
    training_scenes,
    varied_people,
    varied_quiet,
    varied_things,
)
from tests.generate.draft.test_impact_detection import watch, watch_scene
from tests.generate.onsets import matched
from tests.generate.scenes import Look, Scene

Make = Callable[[Look, float], Scene]

SECONDS = 3.6
# No rule was tuned, and nothing was trained, on these seeds.
LOOKS = (
    Look(Fraction(24), (480, 360), "textured", 901),
    Look(Fraction(25), (480, 270), "flat", 902, shake=0.006),
    Look(Fraction(30000, 1001), (320, 240), "noise", 903, grain=5),
    Look(Fraction(60), (360, 270), "flat", 904, shutter=0.5),
    Look(Fraction(50), (320, 240), "textured", 905, grain=3),
    Look(Fraction(30), (426, 240), "noise", 906, shake=0.004),
)
STILL: tuple[Make, ...] = (scenes.wheel, scenes.clouds, scenes.falling_flakes, scenes.falling_rain, scenes.passing_ball)
# Kinds that nothing was made on; such that differ more from take to take; kinds that the rules were tuned on; and later
# ones, some rules for which were made on these very clips. The network was trained on the last two groups' kinds, never
# on these seeds.
GROUPS: dict[str, tuple[Make, ...]] = {
    "held-out kinds": (*held_out_scenes.IMPACTS, *held_out_scenes.QUIET),
    "varied kinds": (*varied_people.IMPACTS, *varied_things.IMPACTS, *varied_quiet.QUIET),
    "first kinds": (*scenes.IMPACTS, *STILL),
    "later kinds": (*more_scenes.IMPACTS, *more_scenes.QUIET),
}
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "retina", "immunohistochemistry")
METHODS: dict[str, Callable[[MotionTrack], tuple[Impact, ...]]] = {
    "rules": lambda track: impacts_by_rule(track, ImpactRule()),
    "network": lambda track: impacts_by_network(track, onset_peaks(track.onsets, ALONE)),
    "both": plan_impacts,
}


def onset_table(count: int) -> list[dict[str, object]]:
    """Impacts within 40 ms and spurious ones, by kind of scene and by group."""
    rows: list[dict[str, object]] = []
    for group, kinds in GROUPS.items():
        own = [
            _row(group, make.__name__, ((watch_scene(scene), scene.hits_s) for scene in _scenes(make, count)))
            for make in kinds
        ]
        rows += [*own, _total(group, own)]
        print(rows[-1], flush=True)
    rows.append(_row("photographs, panned", "photographs", ((track, ()) for track in _photographs(count))))
    print(rows[-1], flush=True)
    return rows


def _scenes(make: Make, count: int) -> Iterator[Scene]:
    return (make(look, SECONDS) for look in LOOKS[:count])


def _row(group: str, name: str, takes: Iterator[tuple[MotionTrack, tuple[float, ...]]]) -> dict[str, object]:
    known = 0
    right, spurious = dict.fromkeys(METHODS, 0), dict.fromkeys(METHODS, 0)
    for track, hits_s in takes:
        known += len(hits_s)
        for method, find in METHODS.items():
            found = np.array([impact.time_s for impact in find(track)])
            within = matched(found, hits_s)
            right[method] += within
            spurious[method] += len(found) - within
    counts = {f"{method}, within 40 ms": right[method] for method in METHODS}
    row = {"group": group, "scene": name, "impacts": known, **counts}
    row |= {f"{method}, spurious": spurious[method] for method in METHODS}
    print(row, flush=True)
    return row


def _total(group: str, rows: list[dict[str, object]]) -> dict[str, object]:
    numbers = [name for name in rows[0] if name not in ("group", "scene")]
    return {"group": group, "scene": "all", **{name: sum(int(str(row[name])) for row in rows) for name in numbers}}


def _photographs(count: int) -> Iterator[MotionTrack]:
    """A camera that pans and zooms over photographs, starting and stopping gently; none without scikit-image."""
    try:
        import cv2
        from skimage import data
    except ImportError:
        return
    for number, name in enumerate(PHOTOGRAPHS[:count]):
        picture, rng = np.asarray(getattr(data, name)()), np.random.default_rng([907, number])
        height, width = picture.shape[:2]
        stops = rng.uniform([0, 0, 0.4], [1, 1, 0.7], (8, 3))
        frames = []
        for at in np.arange(0, SECONDS, 1 / 25):
            leg, phase = divmod(at / 0.9, 1.0)
            here, there = stops[int(leg)], stops[int(leg) + 1]
            x, y, share = here + (there - here) * training_scenes.eased(phase / 0.8)
            shown = np.array([share * width, share * height])
            middle = shown / 2 + (np.array([width, height]) - shown) * (x, y)
            turn = np.array(
                [[shown[0] / 320, 0, middle[0] - shown[0] / 2], [0, shown[1] / 240, middle[1] - shown[1] / 2]]
            )
            frames.append(cv2.warpAffine(picture, turn, (320, 240), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP))
        yield watch(frames, np.arange(len(frames)) / 25, 25.0, SECONDS)
