"""Runs of true values in a boolean array."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def runs_of(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and one-past-last index of each run of true values in `mask` [n], in order."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(stop)) for first, stop in edges.reshape(-1, 2)]
