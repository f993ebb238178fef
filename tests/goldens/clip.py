"""Golden: CLIP's image and per-token text features against open_clip's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.clip.config import ClipConfig, ClipTextConfig, ClipVisionConfig
from deepsound.models.clip.model import CLIP
from deepsound.models.clip.weights import state_dict
from tests.goldens.networks import group, recorded, tolerance

PROBE = slice(None, None, 5)


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    model = CLIP(_config(golden["config"])).eval()
    model.load_state_dict(state_dict(group(tensors, "weights")), strict=True)
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    with torch.no_grad(), recorded(model, expected) as got:
        got["frames_normalized_probe"] = model.normalize(given["frames"])[..., PROBE, PROBE]
        got["image_features_unnormalized"] = model.visual(model.normalize(given["frames"]))
        got["image_features"] = model.encode_image(given["frames"])
        got["text_features"] = model.encode_text(given["tokens"])
    for name, output in expected.items():
        if name in _class_token_only(model):
            # Only the class token leaves the image tower, so its last layer computes no other.
            yield f"{name} (class token)", got[name].flatten(0, -2), output[:, 0], tolerance(output)
        else:
            yield name, got.get(name), output, tolerance(output)


def _class_token_only(model: CLIP) -> set[str]:
    return {f"visual.transformer.resblocks.{model.config.vision.layers - 1}", "visual.ln_post"}


def _config(config: dict[str, Any]) -> ClipConfig:
    return ClipConfig(
        embed_dim=config["embed_dim"],
        quick_gelu=config["quick_gelu"],
        vision=ClipVisionConfig(**config["vision_cfg"]),
        text=ClipTextConfig(**config["text_cfg"]),
    )
