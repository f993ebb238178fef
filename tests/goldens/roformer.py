"""Golden: BS-RoFormer and Mel-Band RoFormer against the original."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepsound.models.roformer.bands import mel_bands
from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig, RoformerConfig
from deepsound.models.roformer.layers import RoformerAttention, apply_rotary_emb, split_heads
from deepsound.models.roformer.model import Roformer
from deepsound.models.roformer.weights import config_of, network, restore_rotary_freqs
from deepsound.weights.load import load_into_meta
from tests.goldens.networks import group, tolerance

Named = dict[str, Tensor]
Row = tuple[str, Any, Any, float]


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    model = load(golden, tensors)
    wave, expected = group(tensors, "inputs")["wave"], group(tensors, "outputs")
    with Recorded(model) as recorded:
        recon = model(wave)
    spectrum = torch.view_as_real(model.spectrum(wave))  # [B, frames, bins, channels, 2]
    got = {
        **recorded.named(),
        "stft": spectrum.permute(0, 3, 2, 1, 4),
        "band_in": model.gather_bins(spectrum).flatten(2),
        "recon": _published_shape(recon),
    }
    model.config = replace(model.config, zero_dc=True)
    got["recon_zero_dc"] = _published_shape(model(wave))
    if isinstance(model.config, MelBandRoformerConfig):
        got |= _band_tables(model.config)
    for name, tensor in expected.items():
        yield name, got.get(name), tensor, tolerance(tensor)


def load(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Roformer:
    """The network that a golden describes, through the loader for files; its sizes are told by its tensors too."""
    published = group(tensors, "weights")
    family = MelBandRoformerConfig if "num_bands" in golden["config"] else BSRoformerConfig
    config: RoformerConfig = family.of(golden["config"])
    if config_of(published, config) != config:
        raise ValueError(f"the tensors tell {config_of(published, config)}, the golden says {config}")
    model = load_into_meta(lambda: network(config), published, torch.float32, "golden")
    restore_rotary_freqs(model, published)
    return model


def _published_shape(stems: Tensor) -> Tensor:
    """The original drops the axis of a single stem."""
    return stems[:, 0] if stems.shape[1] == 1 else stems


def _band_tables(config: MelBandRoformerConfig) -> Named:
    bands = mel_bands(config)
    rows = bands.bins[:, None] * config.channels + torch.arange(config.channels)
    return {
        "freq_indices": rows.flatten(),
        "num_bands_per_freq": bands.bands_per_freq,
        "num_freqs_per_band": torch.tensor(bands.freqs_per_band),
    }


class Recorded:
    """Outputs inside a network while it runs, under the stored files' names."""

    def __init__(self, model: Roformer) -> None:
        self.model = model
        self.outputs: Named = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> Recorded:
        model = self.model
        self._keep("band_split", model.band_split)
        for index, layer in enumerate(model.layers):
            for kind, transformer in zip(("freq", "time", "linear"), reversed(list(layer)), strict=False):
                self._keep(f"L{index}_{kind}", transformer)
        attention, feed_forward = list(model.layers[0])[-2].layers[0]
        for name, module in (("norm", attention.norm), ("qkv", attention.to_qkv), ("gates", attention.to_gates)):
            self._keep(f"L0_time_{'attn_norm' if name == 'norm' else name}", module)
        self._keep("L0_time_attn", attention)
        self._keep("L0_time_ff", feed_forward)
        if hasattr(model, "final_norm"):
            self._keep("final_norm", model.final_norm)
        for index, estimator in enumerate(model.mask_estimators):
            self._keep(f"mask{index}", estimator)
        return self

    def __exit__(self, *details: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def named(self) -> Named:
        attention = list(self.model.layers[0])[-2].layers[0][0]
        return self.outputs | _inside_attention(attention, self.outputs["L0_time_qkv"])

    def _keep(self, name: str, module: nn.Module) -> None:
        # Only the first block's inside is stored, whatever runs again after it.
        self._hooks.append(
            module.register_forward_hook(
                lambda _module, _inputs, output: self.outputs.setdefault(name, output.detach().clone())
            )
        )


def _inside_attention(attention: RoformerAttention, qkv: Tensor) -> Named:
    query, key, value = split_heads(qkv, attention.heads)
    positions = attention.rotary_embed(qkv.shape[1])
    query, key = apply_rotary_emb(query, positions), apply_rotary_emb(key, positions)
    return {
        "L0_time_q_rot": query,
        "L0_time_k_rot": key,
        "L0_time_sdpa": nn.functional.scaled_dot_product_attention(query, key, value),
    }
