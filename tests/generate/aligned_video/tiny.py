"""Miniature Stable Diffusion 1.5 and motion adapter: real depth, small widths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepsound.models.animatediff import networks
from deepsound.models.lazy_imports import library_class
from tests.generate.aligner import tiny
from tests.generate.foleycrafter.tiny import older_attention, seeded
from tests.material import copied

BASE_FILE = "checkpoints/v1-5-pruned-emaonly-fp16.safetensors"
ADAPTER_FILE = "animatediff_models/mm_sd_v15_v2.ckpt"
BASE_FOLDER = "diffusers/stable-diffusion-v1-5"
ADAPTER_FOLDER = "diffusers/animatediff-motion-adapter-v1-5-2"
WIDTH, TEXT_WIDTH = 32, 8
_UNET = {**networks._UNET, "block_out_channels": (WIDTH, 2 * WIDTH, 4 * WIDTH, 4 * WIDTH)}
_UNET["cross_attention_dim"] = TEXT_WIDTH
_VAE = {**networks._VAE, "block_out_channels": (WIDTH, 2 * WIDTH, 4 * WIDTH, 4 * WIDTH)}
_TEXT = {
    "vocab_size": 49408,
    "hidden_size": TEXT_WIDTH,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_FIXED = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.attentions.0": "middle_block.1",
}


def write_published(models: Path) -> Path:
    """Everything that audio to video and joint generation need, below `models`; returns `models`."""
    return copied(_write_published, models)


def _write_published(models: Path) -> Path:
    tiny._write_published(models)
    base, adapter = models / BASE_FILE, models / ADAPTER_FILE
    for path in (base, adapter):
        path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous().half() for name, tensor in base_file().items()}, base)
    torch.save({"state_dict": adapter_file(), "epoch": 1}, adapter)
    return models


def write_folders(models: Path) -> Path:
    """The same Stable Diffusion 1.5 and motion adapter as folders in diffusers' layout; returns the UNet's file."""
    folder, stem = models / BASE_FOLDER, "diffusion_pytorch_model.safetensors"
    parts = {"unet": unet_state(), "vae": older_attention(vae_state()), "text_encoder": text_state()}
    classes = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL"}
    for part, settings in (("unet", _UNET), ("vae", _VAE), ("text_encoder", _TEXT)):
        named = {"_class_name": classes[part]} if part in classes else {}
        tiny.write_json({**settings, **named}, folder / part / "config.json")
        file = folder / part / ("model.safetensors" if part == "text_encoder" else stem)
        save_file({name: tensor.contiguous().half() for name, tensor in parts[part].items()}, file)
    adapter = models / ADAPTER_FOLDER / stem
    adapter.parent.mkdir(parents=True)
    save_file(adapter_state(), adapter)
    return folder / "unet" / stem


def unet_state() -> dict[str, Tensor]:
    return seeded(networks.picture_unet(_UNET), 11, 0.05).state_dict()


def vae_state() -> dict[str, Tensor]:
    return seeded(networks.autoencoder(_VAE), 12, 0.05).state_dict()


def text_state() -> dict[str, Tensor]:
    return seeded(networks.text_encoder(_TEXT), 13, 0.3).state_dict()


def base_file() -> dict[str, Tensor]:
    """The picture model's tensors by the names of its own release."""
    unet, vae, text = unet_state(), vae_state(), text_state()
    return (
        {f"model.diffusion_model.{_unet_name(name)}": tensor for name, tensor in unet.items()}
        | {f"first_stage_model.{_vae_name(name)}": _vae_tensor(name, tensor) for name, tensor in vae.items()}
        | {
            f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}": tensor
            for name, tensor in text.items()
        }
        | {"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None].float()}
    )


def adapter_file(width: int = WIDTH) -> dict[str, Tensor]:
    """A motion adapter's tensors by the names of its own release, with a middle block as the second one has."""
    return {f"module.{_adapter_name(name)}": tensor for name, tensor in adapter_state(width).items()}


def adapter_state(width: int = WIDTH) -> dict[str, Tensor]:
    """A motion adapter's tensors under diffusers' names."""
    adapter = library_class("diffusers", "MotionAdapter")(
        block_out_channels=(width, 2 * width, 4 * width, 4 * width), motion_max_seq_length=24
    )
    return seeded(adapter, 14, 0.05).state_dict()


def _adapter_name(name: str) -> str:
    name = name.replace(".motion_modules.", ".motion_modules.", 1)
    before, dot, rest = name.partition(".motion_modules.")
    number, _, layer = rest.partition(".")
    layer = layer.replace("pos_embed.pe", "pos_encoder.pe")
    for new, old in (("attn1", "attention_blocks.0"), ("attn2", "attention_blocks.1"), ("norm3", "ff_norm")):
        layer = layer.replace(new, old)
    layer = layer.replace("norm1", "norms.0").replace("norm2", "norms.1")
    return f"{before}{dot}{number}.temporal_transformer.{layer}"


def _unet_name(name: str) -> str:
    for new, old in _FIXED.items():
        if name.startswith(f"{new}."):
            return old + name.removeprefix(new)
    at = re.match(r"(down|mid|up)_blocks?\.?(\d?)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name)
    assert at is not None, name
    side, block, kind, number = at[1], int(at[2] or 0), at[3], int(at[4])
    rest = at[5]
    if kind == "resnets":
        layer, _, last = rest.rpartition(".")
        rest = f"{_RESNET[layer]}.{last}"
    if side == "mid":
        return f"middle_block.{2 * number}.{rest}"
    if kind == "downsamplers":
        return f"input_blocks.{3 * (block + 1)}.0.op.{rest.removeprefix('conv.')}"
    if kind == "upsamplers":
        return f"output_blocks.{3 * block + 2}.{2 if block else 1}.{rest}"
    place = 0 if kind == "resnets" else 1
    if side == "down":
        return f"input_blocks.{1 + 3 * block + number}.{place}.{rest}"
    return f"output_blocks.{3 * block + number}.{place}.{rest}"


def _vae_name(name: str) -> str:
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda at: f"up.{3 - int(at[1])}.block.{at[2]}", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda at: f"up.{3 - int(at[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda at: f"mid.block_{int(at[1]) + 1}", name)
    for new, old in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
        name = name.replace(f"mid_block.attentions.0.{new}.", f"mid.attn_1.{old}.")
    return name


def _vae_tensor(name: str, tensor: Tensor) -> Tensor:
    """The attention's projections are 1 x 1 convolutions in the release."""
    is_projection = "attentions" in name and name.endswith("weight") and tensor.dim() == 2
    return tensor[:, :, None, None] if is_projection else tensor


def settings(**changed: Any) -> dict[str, Any]:
    """A small request: two frames of 64 pixels, three steps."""
    return {"prompt": "rain", "steps": 3, "frames": 2, "fps": 2.0, "width": 64, "height": 64, "seed": 5, **changed}
