"""CLIP's checkpoint: keys to load, sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from deepsound.models.clip.config import DFN5B_VIT_H_14_384, ClipConfig


def state_dict(published: Mapping[str, Tensor], images: bool = True) -> dict[str, Tensor]:
    """The tensors that `CLIP.load_state_dict` takes, all of them and strictly; without `images` the text tower's.

    `logit_scale` has shape [] or [1], depending on the open_clip version that wrote the file; both are taken.
    """
    tensors = {name: tensor for name, tensor in published.items() if images or not name.startswith("visual.")}
    if "logit_scale" in tensors:
        tensors["logit_scale"] = tensors["logit_scale"].reshape(())
    return tensors


def config_of(published: Mapping[str, Tensor], settings: Mapping[str, Any] | None = None) -> ClipConfig:
    """The towers' sizes, read off their tensors; ValueError if these are not the weights of such a CLIP.

    `settings` is the `model_cfg` of an `open_clip_config.json`. Without it heads are as wide as in the published
    network, since tensors do not show how a width is parted into heads.
    """
    try:
        context_length, text_width = published["positional_embedding"].shape
        places, vision_width = published["visual.positional_embedding"].shape
        patch_size = published["visual.conv1.weight"].shape[-1]
        vocab_size, embed_dim = published["token_embedding.weight"].shape[0], published["visual.proj"].shape[1]
    except KeyError as missing:
        raise ValueError(f"these are not the weights of a CLIP of open_clip's form: {missing} is missing") from missing
    known = DFN5B_VIT_H_14_384
    vision_settings, text_settings = ((settings or {}).get(f"{tower}_cfg", {}) for tower in ("vision", "text"))
    published_head_width = known.text.width // known.text.heads
    return replace(
        known,
        embed_dim=embed_dim,
        quick_gelu=(settings or {}).get("quick_gelu", known.quick_gelu),
        vision=replace(
            known.vision,
            width=vision_width,
            patch_size=patch_size,
            image_size=round((places - 1) ** 0.5) * patch_size,
            layers=_layers(published, "visual.transformer."),
            head_width=vision_settings.get("head_width", known.vision.head_width),
        ),
        text=replace(
            known.text,
            context_length=context_length,
            vocab_size=vocab_size,
            width=text_width,
            layers=_layers(published, "transformer."),
            heads=text_settings.get("heads", max(1, text_width // published_head_width)),
        ),
    )


def _layers(published: Mapping[str, Tensor], tower: str) -> int:
    start = f"{tower}resblocks."
    return len({name[len(start) :].split(".")[0] for name in published if name.startswith(start)})
