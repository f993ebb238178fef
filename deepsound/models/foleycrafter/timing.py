"""Timestamp condition: onset probabilities to the row of the ControlNet's image."""

from __future__ import annotations

import torch
from torch import Tensor

COLUMNS = 1024
# As published: 1024 columns count as 10 s, although they sound for 10.24 s.
COLUMNS_PER_SECOND = COLUMNS / 10
_LEAST_PROBABILITY = 0.5


def time_condition(probabilities: Tensor, duration_s: float) -> Tensor:
    """Onset probabilities [frames], evenly over `duration_s` -> +1 (onset) or -1 for each column, at least 1024.

    Beyond 10 s there are more columns than the network takes, as in the original.
    """
    length = COLUMNS_PER_SECOND * duration_s
    columns = int(length)
    # In this order of floats: frames are chosen by truncation, and another order moves some.
    frames = [int(column / length * len(probabilities)) for column in range(columns)]
    row = torch.full((max(COLUMNS, columns),), -1.0)
    row[:columns][(probabilities >= _LEAST_PROBABILITY).cpu()[frames]] = 1.0
    return row
