"""Films that the onset network is trained on: rendered, coded, watched as draft does."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch

from deepsound.generate.draft.impact_network import CONTEXT, STEPS_AT_ONCE, OnsetScore, OnsetScorer
from deepsound.generate.draft.motion import Motion, MotionCollector, MotionTrack
from deepsound.media.views import Timeline
from tests.generate import more_scenes, quiet_scenes, random_scenes, scenes, thrown_balls, training_scenes
from tests.generate.draft.test_impact_detection import Picture
from tests.generate.scenes import Look, Scene
from tests.generate.takes import Take, random_take

IMPACTS = (*scenes.IMPACTS, *more_scenes.IMPACTS, *training_scenes.IMPACTS)
QUIET = (
    *(scenes.wheel, scenes.clouds, scenes.falling_flakes, scenes.falling_rain, scenes.passing_ball),
    *more_scenes.QUIET,
    *quiet_scenes.QUIET,
)


class Takes(NamedTuple):
    """How many takes of a kind the network is trained on: as they are, and coded as JPEG."""

    plain: int
    coded: int


# A scene put together at random is another one each time, and gets more takes than a kind with one thing in it.
IMPACT_TAKES, QUIET_TAKES = Takes(30, 12), Takes(20, 8)
RANDOM_TAKES = {
    random_scenes.mechanism: Takes(120, 40),
    random_scenes.struck_blocks: Takes(40, 14),
    random_scenes.strider: Takes(40, 14),
    thrown_balls.thrown_balls: Takes(60, 30),
}
VALIDATION_TAKES = Takes(2, 2)
# What JPEG leaves of a picture, from a phone's film to one that was sent around often.
QUALITIES = (10, 60)
TRAINING_SEEDS, VALIDATION_SEEDS = Takes(100_000, 300_000), Takes(200_000, 400_000)
RANDOM_NUMBERS = 60
TAKE_S = 2.6
# Width of the target around an impact, in intervals; what lies this near to a cut, an end of the film or
# an impact beyond the picture's edge is not judged.
TARGET_WIDTH, UNSURE_S = 0.6, 0.1


@dataclass(frozen=True)
class Chunk:
    """What the network sees at once, with the targets and weights of the intervals it scores."""

    maps: np.ndarray
    scalars: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Watched:
    """A take's motion: the network's inputs chunk by chunk, the intervals, and the impacts that are known."""

    kind: str
    inputs: list[tuple[np.ndarray, np.ndarray]]
    track: MotionTrack
    hits_s: tuple[float, ...]
    duration_s: float
    beyond_s: tuple[float, ...] = ()

    def chunks(self) -> Iterator[Chunk]:
        first = 0
        for maps, scalars in self.inputs:
            rows = self.track.onsets[first : first + maps.shape[1] - 2 * CONTEXT]
            first += len(rows)
            targets, weights = np.array([self._target(row) for row in rows], np.float32).T
            # All of one length, so that takes of one size go through the network together; the rest does not count.
            missing = STEPS_AT_ONCE - len(rows)
            maps = np.pad(maps, ((0, 0), (0, missing), (0, 0), (0, 0)))
            scalars, targets, weights = (
                np.pad(part, (*((0, 0),) * (part.ndim - 1), (0, missing))) for part in (scalars, targets, weights)
            )
            yield Chunk(maps, scalars, targets, weights)

    def _target(self, row: OnsetScore) -> tuple[float, float]:
        away = min((abs(row.time_s - hit) for hit in self.hits_s), default=math.inf)
        borders = (0.0, self.duration_s, *self.track.cuts_s, *self.beyond_s)
        has_impacts = bool(self.hits_s or self.beyond_s)
        is_unsure = has_impacts and min(abs(row.time_s - border) for border in borders) < UNSURE_S
        return math.exp(-0.5 * (away / row.interval_s / TARGET_WIDTH) ** 2), 0.0 if is_unsure else 1.0


def watch(take: Take | Coded, kind: str) -> Watched:
    """The take seen as the draft sees it, the network's inputs recorded."""
    inputs: list[tuple[np.ndarray, np.ndarray]] = []

    def record(maps: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        inputs.append((maps.astype(np.float16), scalars.copy()))
        return np.zeros(maps.shape[1] - 2 * CONTEXT, np.float32)

    scene = take.scene
    fps, (width, height) = float(scene.look.fps), scene.look.size
    timeline = Timeline(scene.duration_s, fps, width, height)
    collector = MotionCollector(Motion(), timeline, _scorer=OnsetScorer(record))
    for index, image in enumerate(take.frames()):
        collector.see(Picture(image, index / fps))
    return Watched(kind, inputs, collector.result(), scene.hits_s, scene.duration_s, scene.beyond_s)


@dataclass(frozen=True)
class Coded:
    """A take whose pictures were coded as JPEG, of a quality drawn from the seed."""

    take: Take
    seed: int

    @property
    def scene(self) -> Scene:
        return self.take.scene

    def frames(self) -> Iterator[np.ndarray]:
        lowest, highest = QUALITIES
        quality = int(np.random.default_rng([self.seed, 73]).integers(lowest, highest + 1))
        for frame in self.take.frames():
            _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
            yield np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def kinds() -> list[tuple[Callable[[Look, float], Scene], int, Takes]]:
    """Each kind with the number of its seeds and its takes; those with impacts first, by name."""
    numbered = [
        (make, number, IMPACT_TAKES if make in IMPACTS else QUIET_TAKES)
        for number, make in enumerate((*IMPACTS, *QUIET))
    ]
    numbered += [(make, RANDOM_NUMBERS + number, takes) for number, (make, takes) in enumerate(RANDOM_TAKES.items())]
    return sorted(numbered, key=lambda kind: (kind[0] in QUIET, kind[0].__name__))


def watched(work: Path, name: str, seeds: Takes, most: Takes | None = None) -> list[Watched]:
    """Takes of all kinds, plain ones before coded ones, each kind's from WORK where they lie there already."""
    plain, coded = (
        [_watched(work, name, kind, seeds, most, which) for kind in kinds()] for which in ("plain", "coded")
    )
    by_name = sorted(coded, key=lambda takes: takes[0].kind)
    return [take for takes in (*plain, *by_name) for take in takes]


def _watched(
    work: Path,
    name: str,
    kind: tuple[Callable[[Look, float], Scene], int, Takes],
    seeds: Takes,
    most: Takes | None,
    which: str,
) -> list[Watched]:
    make, number, own = kind
    count = getattr(most or own, which)
    file = work / f"{name}_{which}_{make.__name__}_{count}.pt"
    if not file.exists():
        print("rendering", file.stem, flush=True)
        first = getattr(seeds, which) + 1000 * number
        takes = [(random_take(make, seed, TAKE_S), seed) for seed in range(first, first + count)]
        filmed = [Coded(take, seed) if which == "coded" else take for take, seed in takes]
        torch.save([watch(take, make.__name__) for take in filmed], file)
    loaded: list[Watched] = torch.load(file, weights_only=False)
    return loaded
