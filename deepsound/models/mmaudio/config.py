"""Sizes of MMAudio's flow network and its five published variants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from deepsound.models.mmaudio.lengths import LATENTS_16K, LATENTS_44K, LatentRate


@dataclass(frozen=True)
class FlowConfig:
    """Widths and block counts; `depth` counts joint and fused blocks together.

    `v2` differs in its activations at the inputs and in its time embedding. Raises ValueError where the sizes do not
    fit each other.
    """

    latent_dim: int
    hidden_dim: int
    num_heads: int
    depth: int
    fused_depth: int
    clip_dim: int = 1024
    sync_dim: int = 768
    text_dim: int = 1024
    text_seq_len: int = 77
    v2: bool = False

    def __post_init__(self) -> None:
        if self.hidden_dim % (2 * self.num_heads):
            raise ValueError(f"a width of {self.hidden_dim} does not part into {self.num_heads} heads of even width")
        if not 0 <= self.fused_depth < self.depth:
            raise ValueError(f"{self.fused_depth} fused of {self.depth} blocks leave no joint block")

    @property
    def joint_depth(self) -> int:
        return self.depth - self.fused_depth

    @property
    def head_dim(self) -> int:
        return self.hidden_dim // self.num_heads

    @property
    def mlp_dim(self) -> int:
        """Inner width of every gated MLP: two thirds of four times the width, in whole multiples of 256."""
        return 256 * math.ceil(int(2 * 4 * self.hidden_dim / 3) / 256)

    @property
    def time_features(self) -> int:
        return self.hidden_dim if self.v2 else 256

    @property
    def time_scale(self) -> float:
        return 10000.0 if self.v2 else 1.0


@dataclass(frozen=True)
class Variant:
    """A published network and the rate of the latents it was trained on."""

    flow: FlowConfig
    latents: LatentRate


_SMALL_16K = FlowConfig(latent_dim=20, hidden_dim=448, num_heads=7, depth=12, fused_depth=8)
_SMALL_44K = replace(_SMALL_16K, latent_dim=40)
_MEDIUM_44K = replace(_SMALL_44K, hidden_dim=896, num_heads=14)
_LARGE_44K = replace(_MEDIUM_44K, depth=21, fused_depth=14)

VARIANTS = {
    "small_16k": Variant(_SMALL_16K, LATENTS_16K),
    "small_44k": Variant(_SMALL_44K, LATENTS_44K),
    "medium_44k": Variant(_MEDIUM_44K, LATENTS_44K),
    "large_44k": Variant(_LARGE_44K, LATENTS_44K),
    "large_44k_v2": Variant(replace(_LARGE_44K, v2=True), LATENTS_44K),
}
