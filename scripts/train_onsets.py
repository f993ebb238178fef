"""Trains the network with which the draft finds impacts, on rendered scenes alone.

`python scripts/train_onsets.py WORK [--takes 6] [--epochs 20] [--export FILE]`.

Takes of the kinds in `tests/generate/scenes.py`, `more_scenes.py`, `training_scenes.py` and `quiet_scenes.py` are
rendered and their motion measured once (kept in WORK), then the network is fitted to them. Validation takes have other
seeds; their table is printed for several thresholds. The kinds in `tests/generate/held_out_scenes.py` and
`varied_*.py`, and the seeds of `benchmarks/embedded_quality.py`, are never seen here.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from deepsound.generate.draft.impact_network import CONTEXT, STEPS_AT_ONCE, WEIGHTS, OnsetScore, OnsetScorer
from deepsound.generate.draft.impact_selection import ImpactRule, impacts_by_rule, plan_impacts
from deepsound.generate.draft.motion import Motion, MotionCollector, MotionTrack
from deepsound.generate.draft.onset_peaks import onset_peaks
from deepsound.media.views import Timeline
from deepsound.models.impact_net import ImpactNet
from tests.generate import more_scenes, quiet_scenes, scenes, training_scenes
from tests.generate.draft.test_impact_detection import Picture
from tests.generate.onsets import matched
from tests.generate.takes import Take, random_take

IMPACTS = (*scenes.IMPACTS, *more_scenes.IMPACTS, *training_scenes.IMPACTS)
QUIET = (
    *(scenes.wheel, scenes.clouds, scenes.falling_flakes, scenes.falling_rain, scenes.passing_ball),
    *more_scenes.QUIET,
    *quiet_scenes.QUIET,
)
TRAINING_SEED, VALIDATION_SEED = 100_000, 200_000
TAKE_S = 2.6
# Width of the target around an impact, in intervals; what lies this near to a cut, an end of the film or
# an impact beyond the picture's edge is not judged.
TARGET_WIDTH, UNSURE_S = 0.6, 0.1
BATCH, LEARNING_RATE, POSITIVE_WEIGHT = 8, 3e-3, 2.0
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


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


def watch(take: Take, kind: str) -> Watched:
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


def watched(work: Path, name: str, impact_takes: int, quiet_takes: int, seed: int) -> list[Watched]:
    """Takes of all kinds, each kind's from WORK where they lie there already."""
    takes: list[Watched] = []
    for number, make in enumerate((*IMPACTS, *QUIET)):
        count = impact_takes if make in IMPACTS else quiet_takes
        file = work / f"{name}_{make.__name__}_{count}.pt"
        if not file.exists():
            print("rendering", file.stem, flush=True)
            seeds = range(seed + 1000 * number, seed + 1000 * number + count)
            torch.save([watch(random_take(make, each, TAKE_S), make.__name__) for each in seeds], file)
        takes += torch.load(file, weights_only=False)
    return takes


def batches(chunks: Sequence[Chunk], rng: np.random.Generator) -> Iterator[list[Chunk]]:
    """Chunks of one shape together, in random order."""
    by_shape: dict[tuple[int, ...], list[Chunk]] = defaultdict(list)
    for index in rng.permutation(len(chunks)):
        by_shape[chunks[index].maps.shape].append(chunks[index])
    groups = [same[first : first + BATCH] for same in by_shape.values() for first in range(0, len(same), BATCH)]
    for index in rng.permutation(len(groups)):
        yield groups[index]


def fit(net: ImpactNet, chunks: Sequence[Chunk], epochs: int) -> None:
    rng = np.random.default_rng(1)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.02)
    steps = epochs * len(list(batches(chunks, np.random.default_rng(0))))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.15)
    for epoch in range(epochs):
        total, count = 0.0, 0
        for group in batches(chunks, rng):
            loss = _loss(net, group, is_mirrored=bool(rng.random() < 0.5))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        print(f"epoch {epoch + 1}: loss {total / count:.4f}", flush=True)


def _loss(net: ImpactNet, group: Sequence[Chunk], is_mirrored: bool) -> torch.Tensor:
    maps = torch.from_numpy(np.stack([chunk.maps for chunk in group])).float()
    scalars = torch.from_numpy(np.stack([chunk.scalars for chunk in group]))
    if is_mirrored:
        maps = maps.flip(-1)
        maps[:, 0] *= -1
        scalars[:, 6] *= -1
    targets = torch.from_numpy(np.stack([chunk.targets for chunk in group]))
    weights = torch.from_numpy(np.stack([chunk.weights for chunk in group]))
    losses = F.binary_cross_entropy_with_logits(net(maps, scalars), targets, reduction="none")
    return (losses * weights * (1 + (POSITIVE_WEIGHT - 1) * targets)).sum() / weights.sum().clamp(min=1)


def score(net: ImpactNet, take: Watched) -> tuple[OnsetScore, ...]:
    """The take's intervals with the network's probabilities."""
    with torch.inference_mode():
        found = [
            net(torch.from_numpy(maps).float()[None], torch.from_numpy(scalars)[None])[0].sigmoid()
            for maps, scalars in take.inputs
        ]
    values = torch.cat(found).tolist() if found else []
    rows = zip(take.track.onsets, values, strict=True)
    return tuple(OnsetScore(row.time_s, row.interval_s, value) for row, value in rows)


def report(net: ImpactNet, takes: Sequence[Watched]) -> None:
    """How many impacts are found within 40 ms, and how many are spurious: by the rules, and by threshold."""
    net.eval()
    scores = [score(net, take) for take in takes]
    by_rule = [np.array([hit.time_s for hit in impacts_by_rule(take.track, ImpactRule())]) for take in takes]
    right = sum(matched(found, take.hits_s) for found, take in zip(by_rule, takes, strict=True))
    known, spurious = sum(len(take.hits_s) for take in takes), sum(map(len, by_rule)) - right
    print(f"rules: {right} of {known} impacts, {spurious} spurious")
    both = [
        np.array([hit.time_s for hit in plan_impacts(replace(take.track, onsets=rows))])
        for take, rows in zip(takes, scores, strict=True)
    ]
    right = sum(matched(found, take.hits_s) for found, take in zip(both, takes, strict=True))
    print(f"both: {right} of {known} impacts, {sum(map(len, both)) - right} spurious")
    for threshold in THRESHOLDS:
        kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for take, rows in zip(takes, scores, strict=True):
            found = np.array([peak.time_s for peak in onset_peaks(rows, threshold)])
            right = matched(found, take.hits_s)
            for place, value in enumerate((len(take.hits_s), right, len(found) - right)):
                kinds[take.kind][place] += value
        known, right, spurious = np.sum(list(kinds.values()), axis=0)
        print(f"threshold {threshold}: {right} of {known} impacts, {spurious} spurious")
        if threshold == 0.5:
            print("; ".join(f"{name} {row[1]}/{row[0]} +{row[2]}" for name, row in kinds.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for the measured takes")
    parser.add_argument("--takes", type=int, default=6, help="takes of each kind with impacts (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="passes over all takes (default: %(default)s)")
    parser.add_argument("--export", type=Path, default=WEIGHTS, help="where the weights go (default: the package)")
    options = parser.parse_args()
    torch.manual_seed(1)
    options.work.mkdir(parents=True, exist_ok=True)
    training = watched(options.work, "training", options.takes, max(options.takes * 2 // 3, 1), TRAINING_SEED)
    chunks = [chunk for take in training for chunk in take.chunks()]
    net = ImpactNet()
    print(f"{len(chunks)} chunks, {sum(part.numel() for part in net.parameters())} parameters", flush=True)
    fit(net.train(), chunks, options.epochs)
    options.export.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}, options.export)
    print("written to", options.export, flush=True)
    report(net, watched(options.work, "validation", 1, 1, VALIDATION_SEED))


if __name__ == "__main__":
    main()
