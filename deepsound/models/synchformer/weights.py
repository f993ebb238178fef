"""What of the published Synchformer file belongs to the visual encoder."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from deepsound.models.synchformer.config import SYNCHFORMER, SynchformerConfig

PREFIX = "vfeat_extractor."


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `Synchformer.load_state_dict` takes, all of them and strictly; the rest of the file is left."""
    return {name: tensor for name, tensor in published.items() if name.startswith(PREFIX)}


def config_of(published: Mapping[str, Tensor]) -> SynchformerConfig:
    """The encoder's sizes, told by its tensors; ValueError if these are not the weights of Synchformer.

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
        width=width, depth=len({name[len(start):].split(".")[0] for name in published if name.startswith(start)}),
        heads=max(1, width // head_width), image_size=round(places ** 0.5) * patch_size, patch_size=patch_size,
        frames_per_step=frames_per_step, time_steps=time_steps, mlp_ratio=mlp_width / width,
        qkv_bias=f"{PREFIX}blocks.0.attn.qkv.bias" in published)
