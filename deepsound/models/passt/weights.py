"""PaSST's checkpoint: sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from deepsound.models.passt.config import PASST, PasstConfig

_HEAD_WIDTH = PASST.width // PASST.heads


def config_of(published: Mapping[str, Tensor]) -> PasstConfig:
    """The network's sizes; ValueError if these are not the weights of PaSST.

    Patches overlap as in the published network, and heads are as wide: tensors show neither.
    """
    try:
        width, _, patch_size, _ = published["patch_embed.proj.weight"].shape
        mel_patches = published["freq_new_pos_embed"].shape[2]
        time_patches = published["time_new_pos_embed"].shape[3]
        mlp_width = published["blocks.0.mlp.fc1.weight"].shape[0]
        classes = published["head.1.weight"].shape[0]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of PaSST: {missing} is missing") from missing
    depth = len({name.split(".")[1] for name in published if name.startswith("blocks.")})
    return replace(
        PASST,
        width=width,
        depth=depth,
        heads=max(1, width // _HEAD_WIDTH),
        mlp_width=mlp_width,
        patch_size=patch_size,
        mel_patches=mel_patches,
        time_patches=time_patches,
        classes=classes,
    )
