"""ImageBind's checkpoint: keys of each encoder, sizes read from the tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from deepsound.models.imagebind.config import IMAGEBIND_HUGE, ImageBindConfig, ImageBindTextConfig, Modality
from deepsound.models.imagebind.model import MODALITIES

_PARTS = ("preprocessors", "trunks", "heads", "postprocessors")


def state_dict(published: Mapping[str, Tensor], modalities: Sequence[Modality] = MODALITIES) -> dict[str, Tensor]:
    """What `ImageBind.load_state_dict` takes for these modalities, strictly; the rest of the file is left."""
    starts = tuple(f"modality_{part}.{name}." for part in _PARTS for name in modalities)
    return {name: tensor for name, tensor in published.items() if name.startswith(starts)}


def config_of(published: Mapping[str, Tensor]) -> ImageBindConfig:
    """The towers' sizes; ValueError if these are not the weights of ImageBind.

    The towers' heads are as wide as in the published network, and audio patches overlap as there: no tensor shows it.
    """
    known = IMAGEBIND_HUGE
    try:
        vision_width, _, frames, patch_size, _ = published[
            "modality_preprocessors.vision.rgbt_stem.proj.1.weight"
        ].shape
        places = published["modality_preprocessors.vision.pos_embedding_helper.pos_embed"].shape[1] - 1
        audio_width, _, audio_patch, _ = published["modality_preprocessors.audio.rgbt_stem.proj.weight"].shape
        embed_dim = published["modality_heads.audio.2.weight"].shape[0]
        mlp_widths = {
            name: published[f"modality_trunks.{name}.blocks.0.mlp.fc1.weight"].shape[0] for name in MODALITIES
        }
    except KeyError as missing:
        raise ValueError(f"these are not the weights of ImageBind: {missing} is missing") from missing
    vision = replace(
        known.vision,
        width=vision_width,
        depth=_depth(published, "vision"),
        patch_size=patch_size,
        frames=frames,
        image_size=round(places**0.5) * patch_size,
        mlp_width=mlp_widths["vision"],
        heads=_heads(vision_width, known.vision.width // known.vision.heads),
    )
    audio = replace(
        known.audio,
        width=audio_width,
        depth=_depth(published, "audio"),
        patch_size=audio_patch,
        mlp_width=mlp_widths["audio"],
        heads=_heads(audio_width, known.audio.width // known.audio.heads),
    )
    return replace(known, embed_dim=embed_dim, vision=vision, audio=audio, text=_text_config(published))


def _text_config(published: Mapping[str, Tensor]) -> ImageBindTextConfig:
    """The text tower's sizes; as published where the file has none, whose tower nobody can build either."""
    known = IMAGEBIND_HUGE.text
    table = published.get("modality_preprocessors.text.token_embedding.weight")
    positions = published.get("modality_preprocessors.text.pos_embed")
    inner = published.get("modality_trunks.text.blocks.0.mlp.fc1.weight")
    if table is None or positions is None or inner is None:
        return known
    vocab_size, width = table.shape
    return ImageBindTextConfig(
        width,
        _depth(published, "text"),
        _heads(width, known.width // known.heads),
        inner.shape[0],
        vocab_size,
        positions.shape[1],
    )


def _depth(published: Mapping[str, Tensor], modality: Modality) -> int:
    start = f"modality_trunks.{modality}.blocks."
    return len({name[len(start) :].split(".")[0] for name in published if name.startswith(start)})


def _heads(width: int, head_width: int) -> int:
    return max(1, width // head_width)
