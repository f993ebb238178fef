"""BEATs against the original: features, class probabilities, and the parts of every layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.beats.config import BeatsConfig
from deepsound.models.beats.layers import relative_buckets
from deepsound.models.beats.model import Beats
from deepsound.models.beats.weights import state_dict
from tests.goldens.networks import group, recorded

# float32 through a few layers, in another order of summation.
ABSOLUTE = 2e-5


def config_of(config: dict[str, Any]) -> BeatsConfig:
    """The sizes that the original's own names state."""
    return BeatsConfig(
        patch_width=config["embed_dim"],
        width=config["encoder_embed_dim"],
        layers=config["encoder_layers"],
        heads=config["encoder_attention_heads"],
        mlp_width=config["encoder_ffn_embed_dim"],
        conv_kernel=config["conv_pos"],
        conv_groups=config["conv_pos_groups"],
        buckets=config["num_buckets"],
        max_distance=config["max_distance"],
        classes=config["predictor_class"],
        patch_size=config.get("input_patch_size", 16),
    )


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    config = config_of(golden["config"])
    model = Beats(config).eval()
    model.load_state_dict(state_dict(group(tensors, "weights")), strict=True)
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    got = {"pos_conv_weight": model.encoder.pos_conv[0].weight()}
    for name, filterbank in given.items():
        got |= _case(model, name.removeprefix("fbank"), filterbank)
    for name, output in expected.items():
        yield name, got.get(name), output, 0.0 if "bucket" in name or "grid" in name else ABSOLUTE


def _case(model: Beats, number: str, filterbank: torch.Tensor) -> dict[str, torch.Tensor]:
    config, case = model.config, f"case{number}."
    layers = [f"encoder.layers.{index}{part}" for index in range(config.layers) for part in ("", ".self_attn")]
    seams = ["patch_embedding", "layer_norm", "post_extract_proj", "encoder.pos_conv", "encoder.layer_norm", *layers]
    with recorded(model, seams) as inner:
        features = model(filterbank)
    tokens = features.shape[1]
    places = torch.arange(tokens)
    buckets = relative_buckets(places[None] - places[:, None], config.buckets, config.max_distance)
    names = {
        "layer_norm": "patch_layer_norm",
        "encoder.layer_norm": "encoder_layer_norm",
        "encoder.pos_conv": "pos_conv",
    }
    parts = {names.get(name, name.replace("encoder.layers.", "layer")): output for name, output in inner.items()}
    parts |= {
        "normalised_fbank_first4": model.normalise(filterbank)[:, :4],
        "position_bias": model.encoder.position_bias(tokens, filterbank.device),
        "bucket_row0": buckets[0],
        "bucket_last_row": buckets[-1],
        "grid": torch.tensor(inner["patch_embedding"].shape[2:]),
    }
    whole = {f"y{number}": features, f"probs{number}": model.probabilities(features)}
    return whole | {case + name: output for name, output in parts.items()}
