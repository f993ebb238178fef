"""BEATs' checkpoint: keys as in VideoLLaMA2's files, sizes read from the tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from deepsound.models.beats.config import BEATS, BeatsConfig

BIAS = "encoder.layers.{}.self_attn.relative_attention_bias.weight"
_A_COPY = re.compile(r"encoder\.layers\.(?!0\.)\d+\.self_attn\.relative_attention_bias\.weight")


def first_layer_name(name: str) -> str:
    """The name of the table that is learnt, for the copy of BEATs' bias table in any layer; other names as they are."""
    return re.sub(r"(encoder\.layers\.)\d+(\.self_attn\.relative_attention_bias\.weight)$", r"\g<1>0\2", name)


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `Beats.load_state_dict` takes, strictly: layers share one bias table, and files hold a copy for each.

    Raises ValueError where the copies are not equal.
    """
    table = published.get(BIAS.format(0))
    for name in filter(_A_COPY.fullmatch, published):
        copy = published[name]
        if table is not None and not copy.is_meta and not torch.equal(copy, table):
            raise ValueError(f"{name} is not the table of layer 0, which every layer shares")
    return {name: tensor for name, tensor in published.items() if not _A_COPY.fullmatch(name)}


def config_of(published: Mapping[str, Tensor]) -> BeatsConfig:
    """The encoder's sizes, read from its tensors; ValueError if these are not the weights of BEATs.

    The largest distance with a bucket of its own is not among them: it is the published one.
    """
    try:
        patch_width, _, patch_size, _ = published["patch_embedding.weight"].shape
        width, in_group, kernel = published["encoder.pos_conv.0.weight_v"].shape
        buckets, heads = published[BIAS.format(0)].shape
        mlp_width = published["encoder.layers.0.fc1.weight"].shape[0]
        classes = published["predictor.weight"].shape[0]
    except (KeyError, ValueError) as problem:
        raise ValueError(f"these are not the weights of BEATs ({problem})") from problem
    layers = {name.split(".")[2] for name in published if name.startswith("encoder.layers.")}
    return BeatsConfig(
        patch_width=patch_width,
        width=width,
        layers=len(layers),
        heads=heads,
        mlp_width=mlp_width,
        conv_kernel=kernel,
        conv_groups=width // in_group,
        buckets=buckets,
        max_distance=BEATS.max_distance,
        classes=classes,
        patch_size=patch_size,
    )
