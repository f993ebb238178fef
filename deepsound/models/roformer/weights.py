"""A separator's checkpoint: which network, and its sizes, detected from the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from deepsound.models.roformer.bands import mel_bands
from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig, RoformerConfig
from deepsound.models.roformer.model import BSRoformer, MelBandRoformer, Roformer

Config = BSRoformerConfig | MelBandRoformerConfig


def network(config: RoformerConfig) -> Roformer:
    """The network of a configuration, with weights of its own."""
    if isinstance(config, BSRoformerConfig):
        return BSRoformer(config)
    if isinstance(config, MelBandRoformerConfig):
        return MelBandRoformer(config)
    raise TypeError(f"{type(config).__name__} is no network's configuration")


def config_of(published: Mapping[str, Tensor], like: Config) -> Config:
    """The sizes that the tensors tell; what they do not (transform, hop, linear attention's place) is as in `like`.

    Raises ValueError for tensors of something else, or of the other of the two networks.
    """
    if "band_split.to_features.0.1.weight" not in published:
        raise ValueError(
            "these are not the weights of a RoFormer separator: band_split.to_features.0.1.weight is missing"
        )
    is_mel = "final_norm.gamma" not in published
    if is_mel != isinstance(like, MelBandRoformerConfig):
        raise ValueError(
            f"these are the weights of a {'Mel-Band' if is_mel else 'BS'}-RoFormer, not of a "
            f"{'BS' if is_mel else 'Mel-Band'}-RoFormer"
        )
    widths = [
        published[f"band_split.to_features.{band}.0.gamma"].shape[0]
        for band in range(_count(published, "band_split.to_features."))
    ]
    attention = _attention(published)
    first_mask = published["mask_estimators.0.to_freqs.0.0.0.weight"]
    dim = published["band_split.to_features.0.1.weight"].shape[0]
    hidden = _count(published, "mask_estimators.0.to_freqs.0.0.") - 1
    sized = replace(
        like,
        dim=dim,
        depth=_count(published, "layers."),
        num_stems=_count(published, "mask_estimators."),
        dim_head=2 * published[f"{attention}.rotary_embed.freqs"].shape[0],
        heads=published[f"{attention}.to_gates.weight"].shape[0],
        band_levels=published["band_split.to_features.0.1.weight"].shape[1] == widths[0] + 1,
        # Without a hidden layer no tensor is as wide as one.
        mlp_expansion_factor=first_mask.shape[0] // dim if hidden else like.mlp_expansion_factor,
        mask_estimator_depth=hidden if is_mel else hidden + 1,
        **_bands(widths, like),
    )
    return _with_mel_channels(sized, widths) if isinstance(sized, MelBandRoformerConfig) else sized


def restore_rotary_freqs(network: nn.Module, published: Mapping[str, Tensor]) -> None:
    """Give the rotary frequencies back the float32 values of the file, whatever the other weights were cast to."""
    for name, tensor in published.items():
        if name.endswith("rotary_embed.freqs"):
            network.get_parameter(name).data = tensor.detach().float().clone()


def _bands(widths: list[int], like: Config) -> dict[str, Any]:
    """Channels and bands of `widths` features; the transform is that of `like`, or else one of a power of two."""
    if isinstance(like, MelBandRoformerConfig):
        return {"num_bands": len(widths)}
    for channels in (1, 2):
        bins, rest = divmod(sum(widths), 2 * channels)
        length = 2 * (bins - 1)
        if not rest and (bins == like.bins or (bins > 2 and length & (length - 1) == 0)):
            resized = {} if bins == like.bins else {"stft_n_fft": length, "stft_win_length": length}
            bands = tuple(width // (2 * channels) for width in widths)
            return {"stereo": channels == 2, "freqs_per_bands": bands, **resized}
    raise ValueError(f"bands of {sum(widths)} features together belong to no transform of a power of two")


def _with_mel_channels(config: MelBandRoformerConfig, widths: list[int]) -> MelBandRoformerConfig:
    """`config` for one or two channels, as its bands' `widths` in features tell."""
    freqs = mel_bands(config).freqs_per_band
    for channels in (1, 2):
        if widths == [2 * channels * count for count in freqs]:
            return replace(config, stereo=channels == 2)
    raise ValueError(
        f"its {len(widths)} bands are not the mel bands of {config.stft_n_fft} samples at {config.sample_rate} Hz"
    )


def _attention(published: Mapping[str, Tensor]) -> str:
    suffix = ".rotary_embed.freqs"
    return min(name for name in published if name.endswith(suffix)).removesuffix(suffix)


def _count(published: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in published if name.startswith(prefix)})
