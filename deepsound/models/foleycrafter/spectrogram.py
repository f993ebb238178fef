"""Converts between Auffusion's spectrogram images and log-mel (arXiv 2401.01044)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LOUDEST = math.log(200.0)
_QUIETEST = math.log(1e-5)


def denormalise(picture: Tensor, power: float = 1.0) -> Tensor:
    """A picture [channels, mel, frames] in [0, 1], highest mel first -> natural-log mel [mel, frames], lowest first.

    Of the channels, which were painted alike, the first counts.
    """
    return picture[0].flip(0).pow(1 / power) * (_LOUDEST - _QUIETEST) + _QUIETEST


def normalise(mel: Tensor, power: float = 1.0) -> Tensor:
    """Natural-log mel [mel, frames], lowest first -> the picture [3, mel, frames] of it."""
    painted = ((mel - _QUIETEST) / (_LOUDEST - _QUIETEST)).clamp(0, 1).pow(power)
    return torch.stack([painted.flip(0)] * 3)
