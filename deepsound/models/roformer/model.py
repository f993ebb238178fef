"""BS-RoFormer (arXiv 2309.02612) and Mel-Band RoFormer (2310.01809): complex STFT masks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

from deepsound.models.roformer.bands import BandSplit, MaskEstimator, average_overlaps, mel_bands
from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig, RoformerConfig
from deepsound.models.roformer.layers import RMSNorm, RotaryFrequencies, Transformer

# Tokens that a transformer gets at a time on a CPU: lines are independent, and what is computed of so many stays in its
# caches, where all of them at once take hundreds of MB.
_CPU_TOKENS = 3200


class Roformer(nn.Module):
    """The common part: transform, bands, axial transformers, masks, inverse transform.

    It runs in the dtype of its weights; the transforms, the masks and the rotary angles are float32 in any case.
    """

    def __init__(
        self, config: RoformerConfig, freqs_per_band: Sequence[int], mask_hidden_layers: int, norm_output: bool
    ) -> None:
        super().__init__()
        self.config = config
        widths = [2 * config.channels * freqs for freqs in freqs_per_band]
        self.layers = nn.ModuleList(nn.ModuleList(parts) for parts in _axial_layers(config, norm_output))
        self.band_split = BandSplit(config.dim, widths, config.band_levels)
        self.mask_estimators = nn.ModuleList(
            MaskEstimator(config.dim, widths, mask_hidden_layers, config.mlp_expansion_factor)
            for _ in range(config.num_stems)
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Stems [B, stems, channels, samples] of `waveform` [B, channels, samples], float32.

        Any length above half the transform. Raises ValueError for another number of channels or fewer samples.
        """
        config = self.config
        if waveform.dim() != 3 or waveform.shape[1] != config.channels:
            raise ValueError(f"expected a waveform [B, {config.channels}, samples], not {list(waveform.shape)}")
        if waveform.shape[-1] <= config.stft_n_fft // 2:
            raise ValueError(f"{waveform.shape[-1]} samples are too few; give more than {config.stft_n_fft // 2}")
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = self.spectrum(waveform.float())
            features = self.gather_bins(torch.view_as_real(spectrum)).flatten(2)
        tokens = self.band_split(features)
        tokens = self.apply_final_norm(self.transform(tokens))
        masks = torch.stack([estimator(tokens) for estimator in self.mask_estimators], dim=1)
        with torch.autocast(waveform.device.type, enabled=False):
            return self.waveforms(spectrum, masks.float(), waveform.shape[-1])

    def spectrum(self, waveform: Tensor) -> Tensor:
        """[B, channels, samples] -> complex [B, frames, bins, channels]."""
        config = self.config
        spectrum = torch.stft(
            waveform.flatten(0, 1),
            config.stft_n_fft,
            config.stft_hop_length,
            config.stft_win_length,
            window=_window(config.stft_win_length, waveform.device),
            normalized=config.stft_normalized,
            return_complex=True,
        )
        return spectrum.unflatten(0, waveform.shape[:2]).permute(0, 3, 2, 1)

    def transform(self, tokens: Tensor) -> Tensor:
        """[B, frames, bands, dim] through all layers."""
        before: list[Tensor] = []
        for layer in self.layers:
            *over_all, along_time, across_bands = cast(nn.ModuleList, layer)
            for transformer in over_all:
                tokens = transformer(tokens.flatten(1, 2)).view_as(tokens)
            if self.config.skip_connection:
                tokens = sum(before, tokens)
            tokens = along_axis(along_time, tokens.transpose(1, 2)).transpose(1, 2)
            tokens = along_axis(across_bands, tokens)
            before.append(tokens)
        return tokens

    def waveforms(self, spectrum: Tensor, masks: Tensor, samples: int) -> Tensor:
        """The masked spectra as waveforms, [B, stems, channels, samples]."""
        config = self.config
        complex_masks = torch.view_as_complex(masks.unflatten(-1, (-1, config.channels, 2)).contiguous())
        stems = spectrum.unsqueeze(1) * self.per_bin(complex_masks)  # [B, stems, frames, bins, channels]
        if config.zero_dc:
            stems = stems * (torch.arange(config.bins, device=stems.device) > 0)[:, None]
        stems = stems.permute(0, 1, 4, 3, 2)
        waveforms = torch.istft(
            stems.flatten(0, 2),
            config.stft_n_fft,
            config.stft_hop_length,
            config.stft_win_length,
            window=_window(config.stft_win_length, stems.device),
            normalized=config.stft_normalized,
            length=self.output_length(samples),
        )
        return waveforms.unflatten(0, stems.shape[:3])

    def output_length(self, samples: int) -> int:
        """Samples that come out for so many that go in."""
        return samples

    @abstractmethod
    def gather_bins(self, spectrum: Tensor) -> Tensor:
        """The bins of all bands in a row, [B, frames, gathered bins, channels, 2] of [B, frames, bins, channels, 2]."""

    @abstractmethod
    def per_bin(self, masks: Tensor) -> Tensor:
        """Masks of gathered bins [B, stems, frames, gathered bins, channels] as one mask per bin."""

    @abstractmethod
    def apply_final_norm(self, tokens: Tensor) -> Tensor:
        """What follows the last layer."""


class BSRoformer(Roformer):
    """Bands side by side, one norm after the last layer. The published vocal separator of DeepSound-V1's step 3."""

    def __init__(self, config: BSRoformerConfig) -> None:
        super().__init__(config, config.freqs_per_bands, config.mask_estimator_depth - 1, norm_output=False)
        self.final_norm = RMSNorm(config.dim)

    def gather_bins(self, spectrum: Tensor) -> Tensor:
        return spectrum

    def per_bin(self, masks: Tensor) -> Tensor:
        return masks

    def apply_final_norm(self, tokens: Tensor) -> Tensor:
        return self.final_norm(tokens)


class MelBandRoformer(Roformer):
    """Overlapping mel bands, a norm after every transformer, and one hidden layer more in the masks."""

    config: MelBandRoformerConfig

    def __init__(self, config: MelBandRoformerConfig) -> None:
        super().__init__(config, mel_bands(config).freqs_per_band, config.mask_estimator_depth, norm_output=True)

    def gather_bins(self, spectrum: Tensor) -> Tensor:
        return spectrum[:, :, mel_bands(self.config).bins.to(spectrum.device)]

    def per_bin(self, masks: Tensor) -> Tensor:
        return average_overlaps(masks.flatten(0, 1), mel_bands(self.config)).unflatten(0, masks.shape[:2])

    def apply_final_norm(self, tokens: Tensor) -> Tensor:
        return tokens

    def output_length(self, samples: int) -> int:
        if self.config.match_input_audio_length:
            return samples
        return samples // self.config.stft_hop_length * self.config.stft_hop_length


def along_axis(transformer: nn.Module, tokens: Tensor) -> Tensor:
    """`transformer` along the last axis but one of [B, others, length, dim]; on a CPU some of the others at a time."""
    is_small = tokens.shape[:3].numel() <= _CPU_TOKENS
    if is_small or tokens.device.type != "cpu" or torch.is_grad_enabled():
        return transformer(tokens.flatten(0, 1)).view_as(tokens)
    out = torch.empty_like(tokens)
    size = max(1, _CPU_TOKENS // tokens.shape[2])
    for lines, written in zip(tokens, out, strict=True):
        for start in range(0, len(lines), size):
            part = slice(start, start + size)
            # In one piece: products of scattered rows are computed line by line.
            written[part] = transformer(lines[part].contiguous())
    return out


def _axial_layers(config: RoformerConfig, norm_output: bool) -> list[list[Transformer]]:
    time_rotary, band_rotary = RotaryFrequencies(config.dim_head), RotaryFrequencies(config.dim_head)

    def transformer(depth: int, rotary: RotaryFrequencies | None) -> Transformer:
        return Transformer(config.dim, depth, config.heads, config.dim_head, rotary, norm_output)

    linear = [config.linear_transformer_depth] if config.linear_transformer_depth else []
    return [
        [transformer(depth, None) for depth in linear]
        + [
            transformer(config.time_transformer_depth, time_rotary),
            transformer(config.freq_transformer_depth, band_rotary),
        ]
        for _ in range(config.depth)
    ]


@lru_cache(maxsize=8)
def _window(length: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.hann_window(length, device=device)
