"""Sizes of PaSST; the defaults are those of passt_s_swa_p16_128_ap476."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PasstConfig:
    """Patches of `patch_size` mel bins by as many frames, overlapping: one begins every `stride`.

    `mel_patches` and `time_patches` are the positions there are; a shorter sound takes the first of the latter.
    """

    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_width: int = 3072
    patch_size: int = 16
    stride: int = 10
    mel_patches: int = 12
    time_patches: int = 99
    classes: int = 527
    norm_eps: float = 1e-6


PASST = PasstConfig()
