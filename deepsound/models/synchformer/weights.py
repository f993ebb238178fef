"""Synchformer's checkpoint: keys of each network, sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from deepsound.models.synchformer.config import (
    OFFSET,
    SYNC_AUDIO,
    SYNCHFORMER,
    OffsetConfig,
    SyncAudioConfig,
    SynchformerConfig,
)

PREFIX = "vfeat_extractor."
AUDIO_PREFIX = "afeat_extractor."
OFFSET_PREFIXES = ("vproj.", "aproj.", "transformer.")


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `Synchformer.load_state_dict` takes, all of them and strictly; the rest of the file is left."""
    return {name: tensor for name, tensor in published.items() if name.startswith(PREFIX)}


def config_of(published: Mapping[str, Tensor]) -> SynchformerConfig:
    """The encoder's sizes, read from its tensors; ValueError if these are not the weights of Synchformer.

    Heads are as wide as in the published network: tensors do not show how a width is parted into heads.
    """
    try:
        width, _, frames_per_step, patch_size, _ = published[f"{PREFIX}patch_embed_3d.proj.weight"].shape
        places = published[f"{PREFIX}pos_embed"].shape[1] - 1
        time_steps = published[f"{PREFIX}temp_embed"].shape[1]
        mlp_width = published[f"{PREFIX}blocks.0.mlp.fc1.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of Synchformer: {missing} is missing") from missing
    start = f"{PREFIX}blocks."
    head_width = SYNCHFORMER.width // SYNCHFORMER.heads
    return SynchformerConfig(
        width=width,
        depth=len({name[len(start) :].split(".")[0] for name in published if name.startswith(start)}),
        heads=max(1, width // head_width),
        image_size=round(places**0.5) * patch_size,
        patch_size=patch_size,
        frames_per_step=frames_per_step,
        time_steps=time_steps,
        mlp_ratio=mlp_width / width,
        qkv_bias=f"{PREFIX}blocks.0.attn.qkv.bias" in published,
    )


def audio_state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `SynchformerAudio.load_state_dict` takes, strictly."""
    return {name: tensor for name, tensor in published.items() if name.startswith(AUDIO_PREFIX)}


def audio_config_of(published: Mapping[str, Tensor]) -> SyncAudioConfig:
    """The audio encoder's sizes; ValueError if it is not in the file.

    Spectrograms and the heads' width are as published: tensors do not show them.
    """
    ast = f"{AUDIO_PREFIX}ast."
    try:
        width, _, patch_size, _ = published[f"{ast}embeddings.patch_embeddings.projection.weight"].shape
        mlp_width = published[f"{ast}encoder.layer.0.intermediate.dense.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(
            f"this is not Synchformer's audio half: {missing} is missing; files that were made for "
            "generating sound may lack it"
        ) from missing
    return replace(
        SYNC_AUDIO,
        width=width,
        depth=_count(published, f"{ast}encoder.layer."),
        heads=max(1, width // (SYNC_AUDIO.width // SYNC_AUDIO.heads)),
        mlp_width=mlp_width,
        patch_size=patch_size,
    )


def offset_state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `SynchformerOffset.load_state_dict` takes, strictly."""
    return {name: tensor for name, tensor in published.items() if name.startswith(OFFSET_PREFIXES)}


def offset_config_of(published: Mapping[str, Tensor]) -> OffsetConfig:
    """The head's sizes; ValueError if it is not in the file.

    How many tokens a segment has and how wide heads are is as published: tensors do not show it.
    """
    try:
        width = published["vproj.weight"].shape[0]
        mlp_width = published["transformer.blocks.0.mlp.0.weight"].shape[0]
        tokens = published["transformer.pos_emb_cfg.pos_emb"].shape[1]
        classes = published["transformer.off_head.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(
            f"this is not Synchformer's head: {missing} is missing; files that were made for generating "
            "sound may lack it"
        ) from missing
    return replace(
        OFFSET,
        width=width,
        depth=_count(published, "transformer.blocks."),
        heads=max(1, width // (OFFSET.width // OFFSET.heads)),
        mlp_width=mlp_width,
        segments=(tokens - 2) // (OFFSET.video_tokens + OFFSET.audio_tokens),
        classes=classes,
    )


def _count(published: Mapping[str, Tensor], start: str) -> int:
    return len({name[len(start) :].split(".")[0] for name in published if name.startswith(start)})
