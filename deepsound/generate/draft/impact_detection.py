"""Impact candidates: sudden losses of speed along optical-flow trajectories.

Moving points are followed through five flows in a row, v0 to v4. What a point loses of v1 until v3 marks a blow: a
ball in free fall loses nothing suddenly, one that bounces loses twice its speed. How v2 lies between v1 and v3 tells
when the blow came, finer than the frame rate. That v0 agrees with v1 and v4 with v3 tells a blow from a stumble of
the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.camera import Box, bounding_box, dot, length, warp
from deepsound.generate.draft.optical_flow import Flow
from deepsound.media.pixels import box_blur, label

SLOWEST_MOVER = 0.06
LEAST_AREA_PIXELS = 50
FULL_AREA_PIXELS = 121
LEAST_LOSS_SHARE = 0.5
FASTEST_GAIN = 2.0
FULL_SHARE = 0.3
EDGE_PIXELS = 2
SMOOTHING = 5


@dataclass(frozen=True)
class ImpactCandidate:
    """The hardest sudden loss of speed around `time_s` of one connected mover.

    `loss` and `speed` (before) in long sides per second; `before` and `after` from 0 to 1, how well the motion on
    either side is established; `steady_direction` near 0 for a turning thing and 1 or more for a travelling one;
    `share` of all motion that this mover has; `still_there`, 0 to 1, how much of it is seen afterwards; `x`, `y` from
    0 to 1; `area` as a share of the picture; `at_edge` when it reaches the picture's edge; `rise` from -1
    (it went straight down before) to 1 (straight up).
    """

    time_s: float
    strength: float = 0.0
    loss: float = 0.0
    speed: float = 0.0
    before: float = 0.0
    after: float = 0.0
    steady_direction: float = 0.0
    share: float = 0.0
    x: float = 0.5
    y: float = 0.5
    area: float = 0.0
    at_edge: bool = False
    still_there: float = 0.0
    rise: float = 0.0


def strongest_candidate(flows: Sequence[Flow]) -> ImpactCandidate:
    """The connected mover that lost most speed along its path through five flows in a row."""
    none = ImpactCandidate(flows[2].start_s)
    moving = flows[1].moving
    if not moving.any():
        return none
    # Beyond the box nothing moves, and the blur reaches no further than half its margin.
    box = bounding_box(moving, margin=2 * SMOOTHING)
    v1 = box_blur(flows[1].velocity[box], SMOOTHING)
    speed = length(v1)
    movers = moving[box] * (speed > SLOWEST_MOVER)
    if not movers.any():
        return none
    paths = _paths(flows, box)
    v3 = box_blur(warp(flows[3].velocity, paths[1], box), SMOOTHING)
    loss = np.clip(speed - dot(v1, v3) / np.maximum(speed, 1e-6), 0.0, 2.0 * speed) * movers
    if not (loss > LEAST_LOSS_SHARE * speed).any():
        return none
    labels, best, strength = _mover_with_highest_loss(movers, loss, speed)
    if strength <= 0.0:
        return none
    seen = _Mover(labels == best, box, v1, v3, speed, loss, paths, max(float((speed * movers).sum()), 1e-9))
    return _describe(flows, seen, strength)


@dataclass(frozen=True, eq=False)
class _Mover:
    """A connected mover: its `mask` and what was measured of it, all [h, w] within `box`.

    `v1` and `v3` are velocities along its path, `speed` that of `v1`; `all_motion` is the sum of every mover's speed.
    """

    mask: np.ndarray
    box: Box
    v1: np.ndarray
    v3: np.ndarray
    speed: np.ndarray
    loss: np.ndarray
    paths: list[np.ndarray]
    all_motion: float


def _describe(flows: Sequence[Flow], seen: _Mover, strength: float) -> ImpactCandidate:
    mover, speed = seen.mask, seen.speed[seen.mask]
    v0, v1, v2, v3, v4 = _velocities(flows, seen)
    weight = seen.loss[mover] + 1e-9
    weight /= weight.sum()
    mean_change = float(np.hypot(v1[:, 0] - v3[:, 0], v1[:, 1] - v3[:, 1]) @ weight)
    done = _share_of(v2 - v3, v1 - v3, weight)
    mean = weight @ v1
    mean_speed = float(speed.mean())
    height, width = flows[1].moving.shape
    rows, columns = (part + side.start for part, side in zip(np.nonzero(mover), seen.box, strict=True))
    margin = min(rows.min(), columns.min(), height - 1 - rows.max(), width - 1 - columns.max())
    return ImpactCandidate(
        time_s=flows[2].start_s + min(max(done, 0.0), 1.0) * flows[2].interval_s,
        strength=strength,
        loss=float(seen.loss[mover].mean()),
        speed=mean_speed,
        before=_agreement(_accelerate(v0, v1), v1, weight, mean_change),
        after=_agreement(v4, v3, weight, mean_change),
        steady_direction=float(np.hypot(mean[0], mean[1])) / max(mean_speed, 1e-9),
        share=float(speed.sum() / seen.all_motion),
        x=float(columns @ weight) / max(width - 1, 1),
        y=float(rows @ weight) / max(height - 1, 1),
        area=len(rows) / (height * width),
        at_edge=bool(margin <= EDGE_PIXELS),
        still_there=float(warp(flows[3].present, seen.paths[-1], seen.box)[mover].mean()),
        rise=float(-mean[1] / max(np.hypot(mean[0], mean[1]), 1e-9)),
    )


def _share_of(part: np.ndarray, whole: np.ndarray, weight: np.ndarray) -> float:
    """How much of the velocities `whole` [n, 2] lies in `part`, by least squares."""
    return float(dot(part, whole) @ weight) / max(float(dot(whole, whole) @ weight), 1e-9)


def _paths(flows: Sequence[Flow], box: Box) -> list[np.ndarray]:
    """How far the points of the second flow's grid have gone, [h, w, 2], when the third, fourth and fifth begin."""
    paths = [flows[1].shift[box]]
    for flow in flows[2:4]:
        paths.append(paths[-1] + warp(flow.shift, paths[-1], box))
    return paths


def _velocities(flows: Sequence[Flow], seen: _Mover) -> Iterator[np.ndarray]:
    """The velocity [n, 2] of every flow, in order, at the mover's points where they are at that time."""
    there = ((0, -seen.paths[0]), (2, seen.paths[0]), (4, seen.paths[2]))
    v0, v2, v4 = (box_blur(warp(flows[number].velocity, path, seen.box), SMOOTHING) for number, path in there)
    return (velocity[seen.mask] for velocity in (v0, seen.v1, v2, seen.v3, v4))


def _mover_with_highest_loss(movers: np.ndarray, loss: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, int, float]:
    """Connected movers as labels [h, w], the label of the one with the highest mean loss, and that loss.

    Small movers and small parts of all motion count for less, those that lost little of what they had for nothing.
    """
    count, labels = label(movers > 0)
    flat = labels.ravel().astype(np.intp)
    areas = np.bincount(flat, minlength=count).astype(np.float64)
    losses = np.bincount(flat, loss.ravel(), count)
    speeds = np.bincount(flat, (speed * movers).ravel(), count)
    areas[0] = 0.0
    real = (areas > LEAST_AREA_PIXELS) & (losses > LEAST_LOSS_SHARE * speeds)
    size = np.sqrt(np.minimum(areas, FULL_AREA_PIXELS) / FULL_AREA_PIXELS)
    strength = np.where(real, losses / np.maximum(areas, 1.0) * size, 0.0)
    best = int(np.argmax(strength * np.minimum(speeds / max(speeds[1:].sum(), 1e-9), FULL_SHARE)))
    return labels, best, float(strength[best])


def _accelerate(slower: np.ndarray, faster: np.ndarray) -> np.ndarray:
    """`slower` [n, 2] stretched by up to FASTEST_GAIN towards `faster`: what falls or is swung gains speed."""
    gain = dot(slower, faster) / np.maximum(dot(slower, slower), 1e-9)
    return slower * np.clip(gain, 1.0, FASTEST_GAIN)[:, None]


def _agreement(outer: np.ndarray, inner: np.ndarray, weight: np.ndarray, mean_change: float) -> float:
    """1 where the two velocities [n, 2] are the same, 0 where they differ by as much as the blow changed them."""
    difference = outer - inner
    return max(1.0 - float(np.hypot(difference[:, 0], difference[:, 1]) @ weight) / max(mean_change, 1e-9), 0.0)
