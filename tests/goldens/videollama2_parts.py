"""SigLIP's tower and the audio projector against the originals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.videollama2.config import SiglipConfig
from deepsound.models.videollama2.encoders import SiglipTower, audio_projector
from deepsound.models.videollama2.weights import separate_tower, vision_state
from tests.goldens.beats import ABSOLUTE
from tests.goldens.networks import group, recorded

Row = tuple[str, Any, Any, float]


def vision_config_of(config: dict[str, Any], select_layer: int) -> SiglipConfig:
    """The sizes that the original's own names state."""
    return SiglipConfig(
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        mlp_width=config["intermediate_size"],
        image_size=config["image_size"],
        patch_size=config["patch_size"],
        select_layer=select_layer,
        norm_eps=config.get("layer_norm_eps", 1e-6),
    )


@torch.no_grad()
def compare_tower(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    config = vision_config_of(golden["config"], golden["config"]["mm_vision_select_layer"])
    tower = SiglipTower(config).eval()
    state = vision_state({}, separate_tower(group(tensors, "weights")), config.used_layers)
    tower.load_state_dict({name.removeprefix("vision_tower."): tensor for name, tensor in state.items()}, strict=True)
    seams = {"embeddings": "embeddings"} | {
        f"encoder.layers.{index}": f"layer{index + 1}" for index in range(config.used_layers)
    }
    with recorded(tower, seams) as inner:
        selected = tower(group(tensors, "inputs")["pixel_values"])
    got = {seams[name]: output for name, output in inner.items()} | {"selected": selected}
    for name, output in group(tensors, "outputs").items():
        # What lies behind the selected layer is neither built nor loaded.
        yield name, got.get(name), output, ABSOLUTE


@torch.no_grad()
def compare_projector(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    config = golden["config"]
    projector = audio_projector(config["mm_hidden_size_a"], config["hidden_size_a"]).eval()
    projector.load_state_dict(group(tensors, "weights"), strict=True)
    seams = {"0": "linear0", "1": "gelu"}
    with recorded(projector, seams) as inner:
        got = {"y": projector(group(tensors, "inputs")["x"])}
    got |= {seams[name]: output for name, output in inner.items()}
    for name, output in group(tensors, "outputs").items():
        yield name, got.get(name), output, ABSOLUTE
