"""Impact onsets by a small network: a probability for each interval between frames.

The network was trained by this project on its own renders: `scripts/train_onsets.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepsound.generate.draft.impact_detection import ImpactCandidate
from deepsound.generate.draft.optical_flow import Flow
from deepsound.media.pixels import resize_planes

if TYPE_CHECKING:
    from deepsound.generate.draft.motion import Movement

WEIGHTS = Path(__file__).parent / "weights" / "impact_net.safetensors"
CELL_PIXELS = 8
CHANNELS, SCALARS, CONTEXT = 6, 20, 5
# Intervals that are scored at once.
STEPS_AT_ONCE = 32
_MOVEMENT_SCALARS = 8

# Maps [6, steps, h, w] and scalars [20, steps] to probabilities [steps - 10].
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class OnsetScore:
    """How likely, 0 to 1, something hits something within the `interval_s` seconds around `time_s`."""

    time_s: float
    interval_s: float
    probability: float


@dataclass
class OnsetScorer:
    """Scores the intervals of one scene after another; holds no more than the maps of the last ones."""

    network: Network
    scores: list[OnsetScore] = field(default_factory=list)
    _maps: np.ndarray = field(default_factory=lambda: np.zeros((CHANNELS, 0, 0, 0), np.float32))
    _scalars: np.ndarray = field(default_factory=lambda: np.zeros((SCALARS, STEPS_AT_ONCE + 2 * CONTEXT), np.float32))
    _times: list[tuple[float, float]] = field(default_factory=list)
    _filled: int = 0

    def add(self, flow: Flow, movement: Movement) -> None:
        """The next interval of this scene."""
        if self._filled == self._scalars.shape[1]:
            self._score()
        each = motion_map(flow)
        if self._maps.shape[2:] != each.shape[1:]:
            self._maps = np.zeros((CHANNELS, self._scalars.shape[1], *each.shape[1:]), np.float32)
        # Before the first interval of a scene things went on as in it.
        for _ in range(1 if self._filled else 1 + CONTEXT):
            self._append(each, movement_scalars(movement))
        self._times.append((flow.middle_s, flow.interval_s))

    def add_candidate(self, candidate: ImpactCandidate, steps_ago: int) -> None:
        """The candidate whose middle interval was added `steps_ago` intervals before the last one."""
        self._scalars[_MOVEMENT_SCALARS:, self._filled - 1 - steps_ago] = candidate_scalars(candidate)

    def end_scene(self) -> None:
        """Score what is left of this scene, after whose last interval things went on as in it."""
        if not self._filled:
            return
        if self._filled + CONTEXT > self._scalars.shape[1]:
            self._score()
        last = self._maps[:, self._filled - 1].copy(), self._scalars[:_MOVEMENT_SCALARS, self._filled - 1].copy()
        for _ in range(CONTEXT):
            self._append(*last)
        self._score()
        self._filled = 0
        self._times.clear()

    def _append(self, each: np.ndarray, numbers: np.ndarray) -> None:
        self._maps[:, self._filled] = each
        self._scalars[:, self._filled] = 0
        self._scalars[:_MOVEMENT_SCALARS, self._filled] = numbers
        self._filled += 1

    def _score(self) -> None:
        """Score each interval that has all its context, and keep the context of the next."""
        probabilities = self.network(self._maps[:, : self._filled], self._scalars[:, : self._filled])
        scored = len(probabilities)
        for (time_s, interval_s), probability in zip(self._times[:scored], probabilities, strict=True):
            self.scores.append(OnsetScore(time_s, interval_s, float(probability)))
        del self._times[:scored]
        rest = self._filled - scored
        self._maps[:, :rest] = self._maps[:, scored : self._filled].copy()
        self._scalars[:, :rest] = self._scalars[:, scored : self._filled].copy()
        self._filled = rest


def motion_map(flow: Flow) -> np.ndarray:
    """What moves where, float32 [6, h, w] in cells of about 8 pixels.

    Velocity along x and y, speed, the share that moves, the change in gray levels that the camera does not explain,
    and the share where foreground is.
    """
    height, width = flow.moving.shape
    planes = np.empty((CHANNELS, height, width), np.float32)
    for axis in (0, 1):
        np.multiply(flow.velocity[..., axis], flow.moving, out=planes[axis])
    np.sqrt(planes[0] * planes[0] + planes[1] * planes[1], out=planes[2])
    planes[3], planes[4], planes[5] = flow.moving, flow.change, flow.present
    cells = max(round(width / CELL_PIXELS), 2), max(round(height / CELL_PIXELS), 2)
    pooled = resize_planes(planes, *cells)
    pooled[:3] = np.arcsinh(4 * pooled[:3])
    pooled[4] = np.log1p(pooled[4] / 8)
    return np.asarray(pooled, np.float32)


def movement_scalars(movement: Movement) -> np.ndarray:
    """An interval's movement as the network reads it, float32 [8]."""
    return np.array(
        [
            20 * movement.interval_s,
            np.arcsinh(20 * movement.energy),
            np.arcsinh(2 * movement.top_speed),
            3 * movement.area,
            movement.steady,
            np.arcsinh(10 * movement.camera_speed),
            np.arcsinh(4 * movement.drift_x),
            np.arcsinh(4 * movement.drift_y),
        ],
        np.float32,
    )


def candidate_scalars(candidate: ImpactCandidate) -> np.ndarray:
    """A candidate as the network reads it, float32 [12]."""
    return np.array(
        [
            np.arcsinh(4 * candidate.strength),
            np.arcsinh(4 * candidate.strength * candidate.before * candidate.after),
            np.arcsinh(2 * candidate.speed),
            min(candidate.loss / max(candidate.speed, 1e-6), 2.0),
            candidate.before,
            candidate.after,
            candidate.steady_direction,
            candidate.share,
            10 * candidate.area,
            float(candidate.at_edge),
            candidate.still_there,
            candidate.rise,
        ],
        np.float32,
    )


def score_onsets(maps: np.ndarray, scalars: np.ndarray) -> np.ndarray:
    """Probabilities [steps - 10] of an impact, by the network of the package, which is loaded when it is needed."""
    return onset_network()(maps, scalars)


@cache
def onset_network() -> Network:
    """The trained network of the package."""
    import torch

    from deepsound.models.impact_net import ImpactNet
    from deepsound.runtime.packaged_network import load_packaged

    net = load_packaged(ImpactNet, WEIGHTS)

    def run(maps: np.ndarray, scalars: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = net(torch.from_numpy(maps)[None], torch.from_numpy(scalars)[None])
        return logits[0].sigmoid().numpy()

    return run
