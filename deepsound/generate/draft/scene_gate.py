"""Crossfades of beds at hard cuts: one stretch ends, another begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CUT_FADE_S = 0.02


def scene_gate(cuts_s: Sequence[float], times_s: np.ndarray, odd: bool) -> np.ndarray:
    """1 in every other scene (the first for `odd` false), 0 in the rest; 20 ms of equal power around each cut."""
    cuts = np.sort(np.asarray(cuts_s, float))
    after = np.searchsorted(cuts, times_s)
    own = (after % 2 == 1) == odd
    padded = np.concatenate([[-np.inf], cuts, [np.inf]])
    nearest = np.minimum(times_s - padded[after], padded[after + 1] - times_s)
    depth = np.clip(nearest / (CUT_FADE_S / 2), 0, 1)
    angle = np.pi / 4 * (1 + np.where(own, depth, -depth))
    return np.asarray(np.sin(angle), np.float32)
