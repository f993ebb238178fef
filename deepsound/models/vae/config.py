"""Sizes of MMAudio's mel VAEs, `v1-16` (16 kHz) and `v1-44` (44.1 kHz)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class VaeConfig:
    """Channel counts; a level is a resolution, and a level in `halved_after` is followed by half as many frames."""

    n_mels: int = 80
    latent_channels: int = 20
    base_channels: int = 384
    multipliers: tuple[int, ...] = (1, 2, 4)
    blocks_per_level: int = 2
    halved_after: tuple[int, ...] = (0,)
    clamp: float = 256.0

    @property
    def level_channels(self) -> tuple[int, ...]:
        return tuple(self.base_channels * multiplier for multiplier in self.multipliers)


VAE_16K = VaeConfig()
VAE_44K = replace(VAE_16K, n_mels=128, latent_channels=40, base_channels=512)
