"""Power-function EMA of weights and post-hoc EMA synthesis (EDM2, arXiv 2312.02696).

Karras et al., arXiv 2312.02696, section 3 and appendix C; MMAudio trains with two of them (sigma_rel 0.05 and 0.1,
nitrous-ema's step-size correction) and publishes weights made at 0.05.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def gamma_of(sigma_rel: float) -> float:
    """The power whose profile has the relative width `sigma_rel`: the largest real root of the paper's cubic."""
    inverse = sigma_rel**-2
    roots = np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse])
    return float(roots.real.max())


def decay(update: int, gamma: float) -> float:
    """The share of the old average kept at the n-th update, n from 1: the geometric mean of two neighbouring steps."""
    power = (1 + gamma) / 2
    return (1 - 1 / (update + 1)) ** power * (1 - 1 / (update + 2)) ** power


class PowerEma:
    """A running average of named tensors; the first update copies them."""

    def __init__(self, sigma_rel: float) -> None:
        self.gamma = gamma_of(sigma_rel)
        self.updates = 0
        self.averages: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, tensors: Mapping[str, Tensor]) -> None:
        """Take in the tensors of one optimiser step; buffers and parameters alike, float32 inside."""
        self.updates += 1
        if not self.averages:
            self.averages = {name: tensor.detach().float().clone() for name, tensor in tensors.items()}
            return
        new_share = 1 - decay(self.updates, self.gamma)
        for name, tensor in tensors.items():
            self.averages[name].lerp_(tensor.detach().float(), new_share)

    def state_dict(self) -> dict[str, object]:
        return {"updates": self.updates, "averages": dict(self.averages)}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        self.averages = {name: tensor.clone() for name, tensor in state["averages"].items()}  # type: ignore[attr-defined]


@dataclass(frozen=True)
class EmaCheckpoint:
    """An average as it stood after `updates` updates."""

    updates: int
    gamma: float
    averages: Mapping[str, Tensor]


def synthesise(checkpoints: Sequence[EmaCheckpoint], sigma_rel: float, updates: int | None = None) -> dict[str, Tensor]:
    """The average of relative width `sigma_rel` at `updates` (the last one's) as a least-squares mix of checkpoints."""
    updates = updates or max(each.updates for each in checkpoints)
    times = np.array([each.updates for each in checkpoints], np.float64)
    gammas = np.array([each.gamma for each in checkpoints], np.float64)
    overlaps = profile_overlap(times[:, None], gammas[:, None], times[None], gammas[None])
    wanted = profile_overlap(times, gammas, np.float64(updates), np.float64(gamma_of(sigma_rel)))
    weights = np.linalg.solve(overlaps, wanted)
    mixed: dict[str, Tensor] = {}
    for name in checkpoints[0].averages:
        parts = [
            float(weight) * each.averages[name].double() for weight, each in zip(weights, checkpoints, strict=True)
        ]
        mixed[name] = torch.stack(parts).sum(0).float()
    return mixed


def profile_overlap(time_a: np.ndarray, gamma_a: np.ndarray, time_b: np.ndarray, gamma_b: np.ndarray) -> np.ndarray:
    """Inner product of two power-function profiles that end at `time_a` and `time_b` (the paper's eq. 150)."""
    power = np.where(time_a < time_b, gamma_b, -gamma_a)
    scale = (gamma_a + 1) * (gamma_b + 1) / ((gamma_a + gamma_b + 1) * np.maximum(time_a, time_b))
    return scale * (time_a / time_b) ** power
