"""Golden: Synchformer's visual encoder against the original's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.synchformer.config import SynchformerConfig
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.weights import state_dict
from tests.goldens.networks import group, recorded, tolerance


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    model = Synchformer(synchformer_config(golden["config"])).eval()
    model.load_state_dict(state_dict(group(tensors, "weights")), strict=True)
    video = formula_video(golden["batch"], golden["frames"], golden["config"]["img_size"], golden["seed"])
    expected = group(tensors, "outputs")
    seams = [name.removeprefix("seg0.") for name in expected if name.startswith("seg0.")]
    got: dict[str, torch.Tensor] = {"input_probe": video[0, :3, :, 100, ::37]}
    with torch.no_grad():
        got["sync_features"] = model(video)
        with recorded(model.vfeat_extractor, seams) as inner:
            got["first_segment"] = model(video[:1, : model.config.segment_frames]).unsqueeze(1)
    inner["patch_embed_3d"] = inner["patch_embed_3d"].flatten(1, 2)
    got |= {f"seg0.{name}": output for name, output in inner.items()}
    for name, output in expected.items():
        yield name, got.get(name), output, tolerance(output)


def synchformer_config(config: dict[str, Any]) -> SynchformerConfig:
    return SynchformerConfig(
        width=config["EMBED_DIM"],
        depth=config["DEPTH"],
        heads=config["NUM_HEADS"],
        image_size=config["img_size"],
        patch_size=config["PATCH_SIZE"],
        frames_per_step=config["temporal_patch"],
        time_steps=config["temporal_resolution"],
        mlp_ratio=config["mlp_ratio"],
        qkv_bias=config["qkv_bias"],
        norm_eps=config["norm_eps"],
    )


def formula_video(batch: int, frames: int, size: int, seed: int) -> torch.Tensor:
    b, t, c, y, x = np.ogrid[:batch, :frames, :3, :size, :size]
    rising = np.sin(0.11 * (c + 1) * y + 0.07 * x + 0.35 * t + 1.3 * b + seed)
    return torch.from_numpy((rising * np.cos(0.05 * y - 0.13 * x + 0.2 * t * (c + 1))).astype(np.float32))
