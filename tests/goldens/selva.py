"""Golden: SelVA's text-steered video encoder against the original's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.synchformer.text_steered import (
    TextSteeredConfig,
    TextSteeredSynchformer,
    config_of,
    state_dict,
)
from tests.goldens.networks import group, recorded, tolerance
from tests.goldens.synchformer import formula_video, synchformer_config


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    weights, given, expected = (group(tensors, kind) for kind in ("weights", "inputs", "outputs"))
    config = _config(golden["config"])
    model = TextSteeredSynchformer(config).eval()
    model.load_state_dict(state_dict({name: tensor.float() for name, tensor in weights.items()}), strict=True)
    read = config_of(weights)
    yield "config_of.text", (read.text_width, read.supplementary_tokens, read.cross_blocks), _text_sizes(config), 0.0
    video = formula_video(golden["batch"], golden["frames"], golden["config"]["img_size"], golden["seed"])
    got = {"input_probe": video[0, :3, :, 100, ::37], **_features(model, video, given)}
    for name, output in expected.items():
        yield name, got.get(name), output.float(), tolerance(output.float())


def _features(model: TextSteeredSynchformer, video: torch.Tensor, given: dict[str, torch.Tensor]) -> dict[str, Any]:
    states, mask = given["text_features"].float(), given["text_mask"]
    tokens = model.tokens(model.segments(video))
    text, text_mask = model.with_supplement(states, mask)
    empty = model.empty_string_feat.expand(len(video), 1, -1)
    got: dict[str, Any] = {
        "text_with_supplement": text,
        "text_mask_with_supplement": text_mask.float(),
        "sync_features": model(video, states, mask),
        "sync_features_empty_text": model.steer(tokens, model.project_text(empty, mask.new_ones(len(video), 1))),
        "sync_features_other_text": model.steer(tokens, model.project_text(states.flip(-1), mask)),
    }
    return got | _first_segment(model, tokens, states, mask)


def _first_segment(
    model: TextSteeredSynchformer, tokens: torch.Tensor, states: torch.Tensor, mask: torch.Tensor
) -> dict[str, Any]:
    text = model.project_text(states[:1], mask[:1])
    got: dict[str, Any] = {"first_segment.text_projected": text.tokens}
    video = tokens[:1, 0]
    for index, block in enumerate(model.synch_text_cross_blocks):
        got[f"first_segment.block{index}.in"] = video[:, :40]
        with recorded(block, ("linear1", "norm1", "ffn")) as inner:
            video = block(video, text)
        got |= {f"first_segment.block{index}.{name}": output[:, :40] for name, output in inner.items()}
        got[f"first_segment.block{index}.out"] = video[:, :40]
    return got


def _config(config: dict[str, Any]) -> TextSteeredConfig:
    return TextSteeredConfig(
        synchformer_config(config),
        config["text_dim"],
        config["supplementary_tokens"],
        config["cross_attention_depth"],
        config["cross_norm_eps"],
    )


def _text_sizes(config: TextSteeredConfig) -> tuple[int, int, int]:
    return config.text_width, config.supplementary_tokens, config.cross_blocks
