"""Trains the network with which the draft finds impacts, on rendered scenes alone.

`python scripts/train_onsets.py WORK [--epochs 18] [--export FILE]`.

Takes of the kinds in `tests/generate/scenes.py`, `more_scenes.py`, `training_scenes.py`, `random_scenes.py`,
`thrown_balls.py` and `quiet_scenes.py` are rendered and their motion measured once (kept in WORK), then the network is
fitted to them. Validation takes have other seeds; their table is printed for several thresholds. The kinds in
`tests/generate/held_out_scenes.py` and `varied_*.py`, and the seeds of `benchmarks/embedded_quality.py`, are never seen
here.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from deepsound.generate.draft.impact_network import WEIGHTS, OnsetScore
from deepsound.generate.draft.impact_selection import ImpactRule, impacts_by_rule, plan_impacts
from deepsound.generate.draft.onset_peaks import onset_peaks
from deepsound.models.impact_net import ImpactNet
from scripts.onset_takes import TRAINING_SEEDS, VALIDATION_SEEDS, VALIDATION_TAKES, Chunk, Watched, watched
from tests.generate.onsets import matched

BATCH, LEARNING_RATE, POSITIVE_WEIGHT = 8, 3e-3, 2.0
# Variation of the films: speed (natural logarithm), noise in the maps, shares without numbers and laid over another.
FASTER, NOISE, WITHOUT_NUMBERS, MIXED = 0.35, 0.06, 0.25, 0.25
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def batches(chunks: Sequence[Chunk], rng: np.random.Generator) -> Iterator[list[Chunk]]:
    """Chunks of one shape together, in random order."""
    by_shape: dict[tuple[int, ...], list[Chunk]] = defaultdict(list)
    for index in rng.permutation(len(chunks)):
        by_shape[chunks[index].maps.shape].append(chunks[index])
    groups = [same[first : first + BATCH] for same in by_shape.values() for first in range(0, len(same), BATCH)]
    for index in rng.permutation(len(groups)):
        yield groups[index]


def fit(net: ImpactNet, chunks: Sequence[Chunk], epochs: int) -> None:
    rng, variation = np.random.default_rng(1), torch.Generator().manual_seed(5)
    optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=0.02)
    steps = epochs * len(list(batches(chunks, np.random.default_rng(0))))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.15)
    for epoch in range(epochs):
        total, count = 0.0, 0
        for group in batches(chunks, rng):
            loss = _loss(net, group, bool(rng.random() < 0.5), variation)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        print(f"epoch {epoch + 1}: loss {total / count:.4f}", flush=True)


def _loss(net: ImpactNet, group: Sequence[Chunk], is_mirrored: bool, rng: torch.Generator) -> torch.Tensor:
    maps = torch.from_numpy(np.stack([chunk.maps for chunk in group])).float()
    scalars = torch.from_numpy(np.stack([chunk.scalars for chunk in group]))
    if is_mirrored:
        maps = maps.flip(-1)
        maps[:, 0] *= -1
        scalars[:, 6] *= -1
    targets = torch.from_numpy(np.stack([chunk.targets for chunk in group]))
    weights = torch.from_numpy(np.stack([chunk.weights for chunk in group]))
    maps, scalars, targets, weights = _varied(maps, scalars, targets, weights, rng)
    losses = F.binary_cross_entropy_with_logits(net(maps, scalars), targets, reduction="none")
    return (losses * weights * (1 + (POSITIVE_WEIGHT - 1) * targets)).sum() / weights.sum().clamp(min=1)


def _varied(
    maps: torch.Tensor, scalars: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, rng: torch.Generator
) -> tuple[torch.Tensor, ...]:
    """The same films faster or slower, measured less well, without the numbers of the whole picture now and then, and
    one film over another, where what is faster is seen."""
    count = len(maps)

    def drawn(lowest: float, highest: float) -> torch.Tensor:
        return torch.rand(count, generator=rng) * (highest - lowest) + lowest

    def each(values: torch.Tensor) -> torch.Tensor:
        return values[:, None, None, None, None]

    faster = torch.exp(drawn(-FASTER, FASTER))
    maps = torch.cat([torch.asinh(torch.sinh(maps[:, :3]) * each(faster)), maps[:, 3:]], 1)
    noise = torch.randn(maps.shape, generator=rng)
    maps = maps + noise * each(drawn(0, NOISE) * (drawn(0, 1) < 0.5))
    without, mixed = drawn(0, 1) < WITHOUT_NUMBERS, drawn(0, 1) < MIXED
    scalars = scalars.clone()
    scalars[without | mixed, 1:] = 0
    other = torch.arange(count).roll(1)
    over = torch.where(maps[other, 2:3] > maps[:, 2:3], maps[other], maps)
    maps = torch.where(each(mixed), over, maps)
    targets = torch.where(mixed[:, None], torch.maximum(targets, targets[other]), targets)
    weights = torch.where(mixed[:, None], torch.minimum(weights, weights[other]), weights)
    return maps, scalars, targets, weights


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
    parser.add_argument("--epochs", type=int, default=18, help="passes over all takes (default: %(default)s)")
    parser.add_argument("--export", type=Path, default=WEIGHTS, help="where the weights go (default: the package)")
    options = parser.parse_args()
    torch.manual_seed(1)
    options.work.mkdir(parents=True, exist_ok=True)
    training = watched(options.work, "training", TRAINING_SEEDS)
    chunks = [chunk for take in training for chunk in take.chunks()]
    net = ImpactNet()
    print(f"{len(chunks)} chunks, {sum(part.numel() for part in net.parameters())} parameters", flush=True)
    fit(net.train(), chunks, options.epochs)
    options.export.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}, options.export)
    print("written to", options.export, flush=True)
    report(net, watched(options.work, "validation", VALIDATION_SEEDS, VALIDATION_TAKES))


if __name__ == "__main__":
    main()
