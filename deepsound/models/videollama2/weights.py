"""VideoLLaMA2's checkpoint: keys of each network, sizes from tensors and config.json.

A file holds everything, the vision tower included; the original leaves that one unread and takes SigLIP's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from deepsound.models.beats import weights as beats
from deepsound.models.beats.config import BeatsConfig
from deepsound.models.videollama2.config import (
    VIDEOLLAMA2_1_7B_AV,
    ConnectorConfig,
    LanguageConfig,
    SiglipConfig,
    VideoLlama2Config,
)

Tensors = Mapping[str, Tensor]

VISION_TOWER = "model.vision_tower.vision_tower.vision_model."
CONNECTOR = "model.mm_projector."
AUDIO_TOWER = "model.audio_tower."
AUDIO_PROJECTOR = "model.mm_projector_a."
_LANGUAGE = ("model.embed_tokens.", "model.layers.", "model.norm.", "lm_head.")
# SigLIP's own file, and a tower saved by transformers 5.
_SEPARATE = ("vision_model.", "")
_SIZES_IN_NAME = re.compile(r"patch(\d+)-(\d+)$")


def language_state(published: Tensors) -> dict[str, Tensor]:
    """What `LanguageModel.load_state_dict` takes, strictly."""
    return {name: tensor for name, tensor in published.items() if name.startswith(_LANGUAGE)}


def audio_state(published: Tensors) -> dict[str, Tensor]:
    """What `AudioEncoder.load_state_dict` takes, strictly. Raises ValueError as `beats.weights.state_dict` does."""
    tower = beats.state_dict(_strip_prefix(published, AUDIO_TOWER))
    return _add_prefix("audio_tower.", tower) | _add_prefix(
        "mm_projector_a.", _strip_prefix(published, AUDIO_PROJECTOR)
    )


def separate_audio(published: Tensors) -> dict[str, Tensor]:
    """BEATs or its projector in a file of its own, as VideoLLaMA2's trainer writes audio_tower.bin, by published names.

    What else such a file holds is left out. Raises ValueError where it has neither.
    """
    found = {name: tensor for name, tensor in published.items() if name.startswith((AUDIO_TOWER, AUDIO_PROJECTOR))}
    if not found:
        raise ValueError(f"it has no tensors named {AUDIO_TOWER}... or {AUDIO_PROJECTOR}...")
    return found


def vision_state(published: Tensors, tower: Tensors, layers: int) -> dict[str, Tensor]:
    """What `VisionEncoder.load_state_dict` takes, strictly: of `tower` no more than its first `layers` layers."""
    wanted = ("embeddings.", *(f"encoder.layers.{index}." for index in range(layers)))
    used = {name: tensor for name, tensor in tower.items() if name.startswith(wanted)}
    return _add_prefix("vision_tower.", used) | _add_prefix("mm_projector.", _strip_prefix(published, CONNECTOR))


def embedded_tower(published: Tensors) -> dict[str, Tensor]:
    """The vision tower that is in a file of the whole model; empty where it is not."""
    return _strip_prefix(published, VISION_TOWER)


def separate_tower(published: Tensors) -> dict[str, Tensor]:
    """The vision tower in SigLIP's own file, whichever names it has there. Raises ValueError where there is none."""
    for prefix in _SEPARATE:
        if f"{prefix}embeddings.patch_embedding.weight" in published:
            return {
                name: tensor for name, tensor in _strip_prefix(published, prefix).items() if not name.startswith("text")
            }
    raise ValueError("these are not the weights of SigLIP: embeddings.patch_embedding.weight is missing")


def language_config(settings: Mapping[str, Any]) -> LanguageConfig:
    """The language model's sizes, as config.json states them. Raises ValueError for another kind of model."""
    kind = str(settings.get("model_type", ""))
    if "videollama2" not in kind or "qwen2" not in kind:
        raise ValueError(f"its model_type is {kind!r} and not videollama2_qwen2")
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    published = LanguageConfig()
    try:
        return LanguageConfig(
            vocabulary=int(settings["vocab_size"]),
            width=int(settings["hidden_size"]),
            layers=int(settings["num_hidden_layers"]),
            heads=int(settings["num_attention_heads"]),
            key_value_heads=int(settings["num_key_value_heads"]),
            mlp_width=int(settings["intermediate_size"]),
            rope_theta=float(settings.get("rope_theta") or rope.get("rope_theta") or published.rope_theta),
            norm_eps=float(settings.get("rms_norm_eps", published.norm_eps)),
            max_positions=int(settings.get("max_position_embeddings", published.max_positions)),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"a size is missing or no number ({problem})") from problem


def frames_of(settings: Mapping[str, Any]) -> int:
    """How many frames of a clip the model is shown; the original's default is 8."""
    return int(settings.get("num_frames") or 8)


def vision_config(tower: Tensors, settings: Mapping[str, Any], own: Mapping[str, Any]) -> SiglipConfig:
    """The vision tower's sizes, read from its tensors, by its name in `settings` and, if it has one, its `own` config.

    Heads are as wide as in the published tower where nothing states how many there are. Raises ValueError for tensors
    that are not SigLIP's.
    """
    try:
        width, _, patch_size, _ = tower["embeddings.patch_embedding.weight"].shape
        places = tower["embeddings.position_embedding.weight"].shape[0]
        mlp_width = tower["encoder.layers.0.mlp.fc1.weight"].shape[0]
    except (KeyError, ValueError) as problem:
        raise ValueError(f"these are not the weights of SigLIP's vision tower ({problem})") from problem
    grid = round(places**0.5)
    named = _SIZES_IN_NAME.search(str(settings.get("mm_vision_tower", "")))
    size = int(own.get("image_size") or (named and named.group(2)) or grid * patch_size)
    head_width = VIDEOLLAMA2_1_7B_AV.vision.width // VIDEOLLAMA2_1_7B_AV.vision.heads
    layers = {name.split(".")[2] for name in tower if name.startswith("encoder.layers.")}
    return SiglipConfig(
        width=width,
        layers=int(own.get("num_hidden_layers") or len(layers)),
        mlp_width=mlp_width,
        heads=int(own.get("num_attention_heads") or max(1, width // head_width)),
        image_size=size if size // patch_size == grid else grid * patch_size,
        patch_size=patch_size,
        select_layer=int(settings.get("mm_vision_select_layer", SiglipConfig.select_layer)),
    )


def connector_config(published: Tensors, width: int) -> ConnectorConfig:
    """The connector's sizes, read from its tensors. Raises ValueError where it is another connector, or none."""
    connector = _strip_prefix(published, CONNECTOR)
    try:
        vision_width = connector["s1.b1.conv1.conv.weight"].shape[1]
        time, rows, columns = connector["sampler.0.weight"].shape[2:]
    except (KeyError, ValueError) as problem:
        raise ValueError(f"this is not the STC connector v3.5 ({problem})") from problem
    blocks = {name.split(".")[1] for name in connector if name.startswith("s1.")}
    readout = {name.split(".")[1] for name in connector if name.startswith("readout.")}
    return ConnectorConfig(vision_width, width, len(blocks), len(readout), (time, rows, columns))


def audio_config(published: Tensors) -> BeatsConfig:
    """BEATs' sizes, read from its tensors. Raises ValueError where there is no BEATs."""
    tower = _strip_prefix(published, AUDIO_TOWER)
    if not tower:
        raise ValueError("it has no audio tower; training takes one by --audio_tower and --audio_projector")
    return beats.config_of(tower)


def config_of(
    settings: Mapping[str, Any], published: Tensors, tower: Tensors, own: Mapping[str, Any]
) -> VideoLlama2Config:
    """The whole model's sizes: config.json's `settings`, the file's tensors, the vision tower's and its own config."""
    language = language_config(settings)
    return VideoLlama2Config(
        language=language,
        vision=vision_config(tower, settings, own),
        connector=connector_config(published, language.width),
        audio=audio_config(published),
        frames=frames_of(settings),
    )


def _strip_prefix(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _add_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}
