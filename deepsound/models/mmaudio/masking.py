"""Condition masks: which feature rows and latents a stretch of time concerns.

HALCON (arXiv 2510.08078) masks the video features at unwanted times and generates again. Here the rows that see or
drive the stretch become MMAudio's learned empty features.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.models.mmaudio.lengths import (
    CLIP_FPS,
    FEATURES_PER_SEGMENT,
    FRAMES_BETWEEN_SEGMENTS,
    FRAMES_PER_SEGMENT,
    SYNC_FPS,
    SequenceLengths,
)

# How many rows to each side a row's projection reads: two convolutions of 3, and for sync one of 7 before them.
CLIP_REACH = 2
SYNC_REACH = 5

# Start and end in seconds.
TimeRange = tuple[float, float]


@dataclass(frozen=True, eq=False)
class ConditionMask:
    """Rows that become the learned empty ones: `clip` [tokens] and `sync` [features], true where masked."""

    clip: Tensor
    sync: Tensor

    @property
    def is_empty(self) -> bool:
        return not bool(self.clip.any() or self.sync.any())


def condition_mask(time_ranges: Iterable[TimeRange], lengths: SequenceLengths, duration_s: float) -> ConditionMask:
    """The rows that see or drive any of `time_ranges`, with those whose projection reads them.

    CLIP token j sees [j/8, (j+1)/8) s. Sync feature f of segment s sees two frames from (8 s + 2 f)/25 s and drives the
    latents its row is stretched to, [i, i+1) of all features in the whole duration.
    """
    clip, sync = torch.zeros(lengths.clip, dtype=torch.bool), torch.zeros(lengths.sync, dtype=torch.bool)
    for start_s, end_s in time_ranges:
        clip |= _between(torch.arange(lengths.clip) / CLIP_FPS, 1 / CLIP_FPS, start_s, end_s)
        sync |= _between(*_sync_receptive_field(lengths.sync), start_s, end_s)
        step_s = duration_s / max(lengths.sync, 1)
        sync |= _between(torch.arange(lengths.sync) * step_s, step_s, start_s, end_s)
    return ConditionMask(dilate(clip, CLIP_REACH), dilate(sync, SYNC_REACH))


def latent_mask(time_ranges: Iterable[TimeRange], latents: int, latents_per_s: float) -> Tensor:
    """[latents], true where a latent's time meets any of `time_ranges`."""
    mask = torch.zeros(latents, dtype=torch.bool)
    starts = torch.arange(latents) / latents_per_s
    for start_s, end_s in time_ranges:
        mask |= _between(starts, 1 / latents_per_s, start_s, end_s)
    return mask


def dilate(mask: Tensor, rows: int) -> Tensor:
    """[n], true within `rows` of a true row."""
    if not len(mask) or not rows:
        return mask
    return F.max_pool1d(mask.float()[None], 2 * rows + 1, stride=1, padding=rows)[0].bool()


def _sync_receptive_field(features: int) -> tuple[Tensor, float]:
    """Start of what each feature sees in seconds, and how long that is."""
    index = torch.arange(features)
    segment, place = index // FEATURES_PER_SEGMENT, index % FEATURES_PER_SEGMENT
    frames = FRAMES_PER_SEGMENT // FEATURES_PER_SEGMENT
    return (FRAMES_BETWEEN_SEGMENTS * segment + frames * place) / SYNC_FPS, frames / SYNC_FPS


def _between(starts_s: Tensor, length_s: float, start_s: float, end_s: float) -> Tensor:
    """Whether [start, start + length) meets [start_s, end_s); touching is not meeting."""
    slack = 1e-6
    return (starts_s < end_s - slack) & (starts_s + length_s > start_s + slack)
