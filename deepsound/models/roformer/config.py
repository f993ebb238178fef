"""Sizes of BS-RoFormer and Mel-Band RoFormer, named as in the published configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

C = TypeVar("C", bound="RoformerConfig")


@dataclass(frozen=True)
class RoformerConfig:
    """What both networks share; transform lengths in samples.

    Each of `depth` layers holds transformers of the depths given: over all tokens at once with linear attention (none
    in the published networks), along time, then across bands. `zero_dc` silences bin 0 of every stem, as newer
    editions of the original trainer do; the published separators keep it. `band_levels`, which no published network
    has, gives each band's level beside its normalised features. Raises ValueError where sizes do not fit.
    """

    dim: int
    depth: int
    stereo: bool = True
    num_stems: int = 1
    time_transformer_depth: int = 1
    freq_transformer_depth: int = 1
    linear_transformer_depth: int = 0
    dim_head: int = 64
    heads: int = 8
    stft_n_fft: int = 2048
    stft_hop_length: int = 441
    stft_win_length: int = 2048
    stft_normalized: bool = False
    mask_estimator_depth: int = 2
    mlp_expansion_factor: int = 4
    skip_connection: bool = False
    zero_dc: bool = False
    band_levels: bool = False

    def __post_init__(self) -> None:
        if self.dim_head % 2:
            raise ValueError(f"heads of {self.dim_head} channels cannot be turned in pairs; take an even number")
        if not 0 < self.stft_win_length <= self.stft_n_fft:
            raise ValueError(f"a window of {self.stft_win_length} samples does not fit {self.stft_n_fft}")

    @property
    def channels(self) -> int:
        return 2 if self.stereo else 1

    @property
    def bins(self) -> int:
        return self.stft_n_fft // 2 + 1

    @classmethod
    def of(cls: type[C], published: Mapping[str, Any]) -> C:
        """From the `model` part of a published configuration; its training and kernel options are left aside."""
        known = {field.name for field in fields(cls)}
        chosen: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in published.items()
            if name in known
        }
        return cls(**chosen)


@dataclass(frozen=True)
class BSRoformerConfig(RoformerConfig):
    """BS-RoFormer: bands side by side; `freqs_per_bands` are their widths in bins, which add up to all bins."""

    freqs_per_bands: tuple[int, ...] = (2,) * 24 + (4,) * 12 + (12,) * 8 + (24,) * 8 + (48,) * 8 + (128, 129)

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(self.freqs_per_bands) != self.bins:
            raise ValueError(f"the bands have {sum(self.freqs_per_bands)} bins, the transform {self.bins}")


@dataclass(frozen=True)
class MelBandRoformerConfig(RoformerConfig):
    """Mel-Band RoFormer: `num_bands` overlapping bands, evenly spaced in mel up to half of `sample_rate` (Hz)."""

    num_bands: int = 60
    sample_rate: int = 44100
    # The published file lets the inverse transform choose, which ends at the last whole hop.
    match_input_audio_length: bool = False


# model_bs_roformer_ep_317_sdr_12.9755, model_mel_band_roformer_ep_3005_sdr_11.4360, MelBandRoformer (KimberleyJensen)
BS_ROFORMER = BSRoformerConfig(dim=512, depth=12)
MEL_BAND_ROFORMER = MelBandRoformerConfig(dim=384, depth=12)
MEL_BAND_ROFORMER_KJ = MelBandRoformerConfig(dim=384, depth=6)
# The embedded one, for one channel. A small network learns little from bands without their levels, or narrow ones.
BS_ROFORMER_TINY = BSRoformerConfig(
    dim=64,
    depth=4,
    stereo=False,
    heads=2,
    dim_head=32,
    stft_hop_length=882,
    mlp_expansion_factor=2,
    band_levels=True,
    freqs_per_bands=(8,) * 10 + (16,) * 6 + (32,) * 4 + (64,) * 3 + (128,) * 2 + (273,),
)
