"""Sizes of BEATs (arXiv 2212.09058); the defaults are VideoLLaMA2.1-7B-AV's audio tower.

That is BEATs iter3+ AS2M, fine-tuned.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BeatsConfig:
    """A post-norm transformer over patches of `patch_size` frames by `patch_size` mel bins.

    `mean` and `deviation` are of log-mel values in natural logarithm of 16-bit power; `buckets` and `max_distance` are
    in tokens, which lie by time first and mel second.
    """

    patch_width: int = 512
    width: int = 768
    layers: int = 12
    heads: int = 12
    mlp_width: int = 3072
    conv_kernel: int = 128
    conv_groups: int = 16
    buckets: int = 320
    max_distance: int = 800
    classes: int = 527
    patch_size: int = 16
    mean: float = 15.41663
    deviation: float = 6.55582
    norm_eps: float = 1e-5

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def residual_scale(self) -> float:
        """Deep norm's weight of what passes a block by (arXiv 2203.00555, encoder-only)."""
        return (2 * self.layers) ** 0.25


BEATS = BeatsConfig()
