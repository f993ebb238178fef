"""Preprocessed conditions of MMAudio's transformer, computed once and used at every step.

Original: `PreprocessedConditions` in hkchengrex/MMAudio, `networks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.models.mmaudio.lengths import FEATURES_PER_SEGMENT


@dataclass(frozen=True)
class PreprocessedConditions:
    """Projected conditions of B sounds, of one dtype and device.

    `clip` [B, tokens, width], `text` [B, tokens, width], `summary` [B, width] of both. `timing` [R, width] holds the
    distinct projected sync features of all B, `entry` [R] says whose they are, `rows` [B, latents] which one is heard
    at each latent.
    """

    clip: Tensor
    text: Tensor
    summary: Tensor
    timing: Tensor
    entry: Tensor
    rows: Tensor

    @property
    def batch(self) -> int:
        return self.rows.shape[0]

    @property
    def latents(self) -> int:
        return self.rows.shape[1]

    def concatenate(self, other: PreprocessedConditions) -> PreprocessedConditions:
        """Both as one batch, `other` behind; they need the same lengths."""
        return PreprocessedConditions(
            clip=torch.cat((self.clip, other.clip)),
            text=torch.cat((self.text, other.text)),
            summary=torch.cat((self.summary, other.summary)),
            timing=torch.cat((self.timing, other.timing)),
            entry=torch.cat((self.entry, other.entry + self.batch)),
            rows=torch.cat((self.rows, other.rows + self.timing.shape[0])),
        )


@lru_cache(maxsize=64)
def nearest_exact_indices(length: int, latents: int) -> Tensor:
    """[latents] indices that stretch `length` features to the latents: torch's `nearest-exact`, not `nearest`."""
    with torch.inference_mode(False):
        indices = torch.arange(length, dtype=torch.float32, device="cpu")
        return F.interpolate(indices[None, None], latents, mode="nearest-exact")[0, 0].long()


def distinct_empty_rows(length: int) -> tuple[int, Tensor]:
    """How many sync features stand for `length` empty ones, and which of them stands for each, [length].

    Empty features are one vector plus a position that repeats every 8. Their projection, three convolutions reaching
    5 features to each side, therefore repeats too, except within 5 of the ends.
    """
    period = FEATURES_PER_SEGMENT
    distinct = min(length, 3 * period)
    place = torch.arange(length, device="cpu")
    middle, end = period + place % period, place - length + distinct
    return distinct, torch.where(place < period, place, torch.where(place < length - period, middle, end))
