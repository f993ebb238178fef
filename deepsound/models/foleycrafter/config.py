"""Sizes of FoleyCrafter's onset detector and HiFi-GAN vocoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class OnsetConfig:
    """An R(2+1)D network of four stages (arXiv 1711.11248) that never strides in time, and its head."""

    stage_widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem_mid: int = 45
    head_width: int = 128
    blocks_per_stage: int = 2
    bn_eps: float = 1e-5


@dataclass(frozen=True)
class HiFiGanConfig:
    """A HiFi-GAN generator (arXiv 2010.05646); fields are named as in the published `config.json`."""

    num_mels: int = 256
    upsample_initial_channel: int = 512
    upsample_rates: tuple[int, ...] = (5, 4, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (11, 8, 4, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return math.prod(self.upsample_rates)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> HiFiGanConfig:
        """The configuration in a published `config.json`, whose training settings are ignored.

        Raises ValueError where a size is missing, does not match another one, or the residual blocks are of another
        kind.
        """
        if str(settings.get("resblock", "1")) != "1":
            raise ValueError(f"this vocoder has resblock = {settings['resblock']!r}; only '1' can be run")
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in settings]
        if missing:
            raise ValueError(f"these are not a vocoder's settings: {', '.join(missing)} missing")
        config = cls(**{name: _frozen(settings[name]) for name in names})
        if len(config.upsample_rates) != len(config.upsample_kernel_sizes):
            raise ValueError(
                f"{len(config.upsample_rates)} upsample_rates do not match "
                f"{len(config.upsample_kernel_sizes)} upsample_kernel_sizes"
            )
        if len(config.resblock_kernel_sizes) != len(config.resblock_dilation_sizes):
            raise ValueError(
                f"{len(config.resblock_kernel_sizes)} resblock_kernel_sizes do not match "
                f"{len(config.resblock_dilation_sizes)} resblock_dilation_sizes"
            )
        return config


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
