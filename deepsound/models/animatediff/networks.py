"""AnimateDiff's networks, and the layouts that their weights are kept in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from deepsound.models.lazy_imports import library_class, library_module

Settings = Mapping[str, Any]

_SINGLE_FILE = "diffusers.loaders.single_file_utils"
_UNET_KEY, _VAE_KEY, _TEXT_KEY = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
_POSITIONS = "pos_embed.pe"

# Stable Diffusion 1.5 but for its widths, which a single file's tensors say.
_UNET: Settings = MappingProxyType(
    {
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "layers_per_block": 2,
        "attention_head_dim": 8,
    }
)
_VAE: Settings = MappingProxyType(
    {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "latent_channels": 4,
        "layers_per_block": 2,
        "scaling_factor": 0.18215,
    }
)
_MULTIPLES = (1, 2, 4, 4)
_HEAD_WIDTH = 64
# AnimateDiff samples with another noise schedule than the picture model it is put into.
SCHEDULER_SETTINGS: Settings = MappingProxyType(
    {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "linear",
        "clip_sample": False,
        "steps_offset": 1,
        "timestep_spacing": "linspace",
    }
)


def picture_unet(settings: Settings) -> Any:
    """The picture model's own UNet, without motion."""
    return library_class("diffusers", "UNet2DConditionModel").from_config(dict(settings))


def autoencoder(settings: Settings) -> Any:
    """The autoencoder of pictures."""
    return library_class("diffusers", "AutoencoderKL").from_config(dict(settings))


def text_encoder(settings: Settings) -> Any:
    """CLIP's text encoder."""
    config = library_class("transformers", "CLIPTextConfig").from_dict(dict(settings))
    return library_class("transformers", "CLIPTextModel")(config)


def motion_unet(settings: Settings, adapter: Mapping[str, Tensor]) -> Any:
    """The UNet of frames: the picture model's with the motion layers that a motion adapter has weights for.

    Raises ValueError for an adapter of another base model.
    """
    require_same_base(settings, adapter)
    made = library_class("diffusers", "MotionAdapter")(
        block_out_channels=tuple(settings["block_out_channels"]),
        motion_layers_per_block=settings["layers_per_block"],
        motion_num_attention_heads=settings["attention_head_dim"],
        motion_max_seq_length=most_frames(adapter),
        use_motion_mid_block=any(name.startswith("mid_block.") for name in adapter),
    )
    return library_class("diffusers", "UNetMotionModel").from_unet2d(picture_unet(settings), made, load_weights=False)


def require_same_base(settings: Settings, adapter: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless the adapter's blocks are as wide as the picture model's."""
    widths, expected = motion_widths(adapter), tuple(settings["block_out_channels"])
    if widths != expected:
        raise ValueError(
            f"a motion adapter for blocks of {', '.join(map(str, widths))} channels is for another base model; this "
            f"one has {', '.join(map(str, expected))}"
        )


def motion_widths(adapter: Mapping[str, Tensor]) -> tuple[int, ...]:
    """The channels of each of the adapter's blocks. Raises ValueError if it is no motion adapter."""
    found: dict[int, int] = {}
    for name, tensor in adapter.items():
        at = re.match(r"down_blocks\.(\d+)\.motion_modules\.0\.norm\.weight$", name)
        if at:
            found[int(at[1])] = len(tensor)
    if not found:
        raise ValueError("these are not the weights of a motion adapter: down_blocks.0.motion_modules is missing")
    return tuple(found[block] for block in sorted(found))


def most_frames(adapter: Mapping[str, Tensor]) -> int:
    """How many frames an adapter has positions for; 32 where it stores none, as the second and third release."""
    lengths = [int(tensor.shape[-2]) for name, tensor in adapter.items() if name.endswith(_POSITIONS)]
    return min(lengths, default=32)


def adapter_state(file: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A motion adapter's tensors under diffusers' names, from its own release or from diffusers' folder."""
    plain = {name.removeprefix("module."): tensor for name, tensor in file.items()}
    if not any("temporal_transformer" in name for name in plain):
        return plain
    positions = {name: tensor for name, tensor in plain.items() if name.endswith("pos_encoder.pe")}
    converted = library_class(_SINGLE_FILE, "convert_animatediff_checkpoint_to_diffusers")(
        {name: tensor for name, tensor in plain.items() if name not in positions}
    )
    # One table of positions stands for all; the names of the others follow from the network.
    longest = next(iter(positions.values()), None)
    return dict(converted) | ({} if longest is None else {f"{_POSITIONS}": longest})


def motion_state(network: nn.Module, unet: Mapping[str, Tensor], adapter: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All tensors of a motion UNet: the picture model's, the adapter's, and the positions of frames it counts."""
    state = {**unet, **{name: tensor for name, tensor in adapter.items() if not name.endswith(_POSITIONS)}}
    kind = library_module("diffusers.models.embeddings").SinusoidalPositionalEmbedding
    for name, expected in network.state_dict().items():
        if name.endswith(_POSITIONS):
            with torch.device("cpu"):
                state[name] = kind(expected.shape[-1], max_seq_length=expected.shape[-2]).pe
    return state


def unet_settings(file: Mapping[str, Tensor]) -> dict[str, Any]:
    """The UNet's settings of Stable Diffusion 1.5 in one file, as ComfyUI keeps checkpoints.

    Raises ValueError where the file is of another base model, or no picture model.
    """
    first = file.get(f"{_UNET_KEY}input_blocks.0.0.weight")
    context = file.get(f"{_UNET_KEY}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight")
    if first is None:
        raise ValueError(f"these are not the weights of Stable Diffusion 1.5: {_UNET_KEY}input_blocks is missing")
    if context is None or f"{_TEXT_KEY}text_model.embeddings.token_embedding.weight" not in file:
        raise ValueError("expected Stable Diffusion 1.5, got a picture model of another base, such as SDXL or 2.x")
    width = first.shape[0]
    widths = tuple(multiple * width for multiple in _MULTIPLES)
    return {**_UNET, "block_out_channels": widths, "cross_attention_dim": context.shape[1]}


def require_sd15(settings: Settings, text_width: object) -> dict[str, Any]:
    """A `unet/config.json` of Stable Diffusion 1.5, beside a text encoder so wide; ValueError for another model."""
    expected = {"in_channels": 4, "out_channels": 4, "attention_head_dim": 8, "cross_attention_dim": text_width}
    different = {name: settings.get(name) for name, value in expected.items() if settings.get(name) != value}
    if different:
        found = ", ".join(f"{name} {value}" for name, value in different.items())
        raise ValueError(
            f"expected Stable Diffusion 1.5, got a picture model of another base, such as SDXL or 2.x ({found})"
        )
    return dict(settings)


def vae_settings(file: Mapping[str, Tensor]) -> dict[str, Any]:
    """The autoencoder's settings of a single file. Raises ValueError where it has none."""
    first = file.get(f"{_VAE_KEY}encoder.conv_in.weight")
    if first is None:
        raise ValueError(f"the file holds no autoencoder: {_VAE_KEY}encoder is missing")
    return {**_VAE, "block_out_channels": tuple(multiple * first.shape[0] for multiple in _MULTIPLES)}


def text_settings(file: Mapping[str, Tensor]) -> dict[str, Any]:
    """The text encoder's settings of a single file that `unet_settings` took."""
    start = f"{_TEXT_KEY}text_model."
    vocab_size, width = file[f"{start}embeddings.token_embedding.weight"].shape
    layers = {name.split("layers.")[1].split(".")[0] for name in file if name.startswith(f"{start}encoder.layers.")}
    return {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "intermediate_size": file[f"{start}encoder.layers.0.mlp.fc1.weight"].shape[0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": max(1, width // _HEAD_WIDTH),
        "bos_token_id": vocab_size - 2,
        "eos_token_id": vocab_size - 1,
    }


def unet_of_single_file(file: Mapping[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """The UNet's tensors of a single file, under diffusers' names."""
    own = {name: tensor for name, tensor in file.items() if name.startswith(_UNET_KEY)}
    converted: dict[str, Tensor] = library_class(_SINGLE_FILE, "convert_ldm_unet_checkpoint")(own, dict(settings))
    return converted


def vae_of_single_file(file: Mapping[str, Tensor], settings: Settings) -> dict[str, Tensor]:
    """The autoencoder's tensors of a single file, under diffusers' names."""
    own = {name: tensor for name, tensor in file.items() if name.startswith(_VAE_KEY)}
    converted: dict[str, Tensor] = library_class(_SINGLE_FILE, "convert_ldm_vae_checkpoint")(own, dict(settings))
    return converted


def text_of_single_file(file: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The text encoder's tensors of a single file."""
    return {name.removeprefix(_TEXT_KEY): tensor for name, tensor in file.items() if name.startswith(_TEXT_KEY)}


def text_state(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """CLIP's text tensors as the installed transformers names them, without the positions older ones stored."""
    kept = {name: tensor for name, tensor in state.items() if not name.endswith("embeddings.position_ids")}
    prefix = "text_model."
    wanted = prefix if any(name.startswith(prefix) for name in network.state_dict()) else ""
    return {wanted + name.removeprefix(prefix): tensor for name, tensor in kept.items()}
