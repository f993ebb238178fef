"""Sizes of the two BigVGAN vocoders that MMAudio uses; reads a published `config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

# The only forms that published vocoders of this family use; the network has no other.
_FIXED = {"resblock": "1", "activation": "snakebeta", "snake_logscale": True}


@dataclass(frozen=True)
class BigVganConfig:
    """Fields are named as in the published `config.json`; rates are samples out per sample in, of each stage."""

    num_mels: int = 80
    upsample_initial_channel: int = 1536
    upsample_rates: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (8, 8, 4, 4, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    use_tanh_at_final: bool = True
    use_bias_at_final: bool = True

    @property
    def hop(self) -> int:
        """Samples per mel frame."""
        return math.prod(self.upsample_rates)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> BigVganConfig:
        """The configuration in a published `config.json`, whose training settings are ignored.

        Raises ValueError for a residual block or activation of another kind.
        """
        for name, expected in _FIXED.items():
            if settings.get(name, expected) != expected:
                raise ValueError(f"This vocoder has {name} = {settings[name]!r}; only {expected!r} can be run.")
        known = {field.name for field in fields(cls)}
        return cls(**{name: _frozen(value) for name, value in settings.items() if name in known})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


BIGVGAN_16K = BigVganConfig()
BIGVGAN_V2_44K = replace(
    BIGVGAN_16K,
    num_mels=128,
    upsample_rates=(8, 4, 2, 2, 2, 2),
    upsample_kernel_sizes=(16, 8, 4, 4, 4, 4),
    use_tanh_at_final=False,
    use_bias_at_final=False,
)
