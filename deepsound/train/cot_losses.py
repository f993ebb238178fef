"""Losses of the reasoner: plain cross entropy, and the paper's sum of parts (eq. 8).

`plain` is what the published trainer minimises: the mean over all labelled tokens. `paper` is L_format + L_keyword with
each part the mean over its own tokens; for want of a formula in the paper, that reading is this project's. Eq. 3 and
eq. 7 add expectations over plans and over chains of thought, which here are parts of one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from deepsound.errors import InputError
from deepsound.train.answer_parts import PARTS

LossKind = Literal["plain", "paper"]
LOSSES: tuple[LossKind, ...] = get_args(LossKind)


@dataclass(frozen=True)
class CotLossSettings:
    """Which loss, and the weight of each part where it is not 1. Raises InputError for what does not exist."""

    kind: LossKind = "plain"
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise InputError(f"expected a loss of {', '.join(LOSSES)}, got {self.kind!r}; choose one of them.")
        for part, weight in self.weights.items():
            if part not in PARTS:
                raise InputError(f"expected a part of {', '.join(PARTS)}, got {part!r}; correct its weight's name.")
            if not 0 <= weight < float("inf"):
                raise InputError(f"expected a weight of 0 or more for {part}, got {weight}; correct it.")

    def vector(self, like: Tensor) -> Tensor:
        """The weights [parts], in the order of PARTS."""
        return torch.tensor([self.weights.get(part, 1.0) for part in PARTS], device=like.device, dtype=like.dtype)


def part_sums(losses: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of token losses and number of tokens of each part, [parts] each, of labelled tokens [N]."""
    sums = losses.new_zeros(len(PARTS)).index_add(0, parts, losses)
    counts = losses.new_zeros(len(PARTS)).index_add(0, parts, torch.ones_like(losses))
    return sums, counts


def total_loss(sums: Tensor, counts: Tensor, settings: CotLossSettings) -> Tensor:
    """What is minimised, of the parts' sums and of the `counts` that they are means over.

    The counts may be those of a whole global batch, of which `sums` are a share: shares then add up to its loss.
    """
    weights = settings.vector(sums)
    if settings.kind == "plain":
        return (weights * sums).sum() / (weights * counts).sum()
    return (weights * sums / counts.clamp_min(1)).sum()
