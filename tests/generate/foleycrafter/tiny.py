"""Miniature FoleyCrafter: seeded networks in the published layout.

Every file has the published form (names, wrappers, weight norm, older names of tensors); only widths and depths are
small. Sizes of pictures are the real ones: 150 frames of 112 and 224 pixels, a spectrogram of 256 x 1024.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deepsound.models.foleycrafter import diffusion
from deepsound.models.foleycrafter.adapter import SemanticAdapter
from deepsound.models.foleycrafter.config import HiFiGanConfig, OnsetConfig
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.vocoder import HiFiGan
from tests.material import copied

_TEXT_WIDTH = 16
_EMBED_DIM = 12
_SPECIALS = ("<|startoftext|>", "<|endoftext|>")

UNET = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.18.2",
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": _TEXT_WIDTH,
    "norm_num_groups": 4,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "_diffusers_version": "0.18.2",
    "block_out_channels": [4, 4, 4, 4],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "scaling_factor": 0.18215,
}
SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.18.2",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
IMAGE = {
    "architectures": ["CLIPVisionModelWithProjection"],
    "model_type": "clip_vision_model",
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 56,
    "projection_dim": _EMBED_DIM,
}
ONSETS = OnsetConfig(stage_widths=(4, 4, 4, 4), stem_mid=4, head_width=4, blocks_per_stage=1)
VOCODER = {
    "resblock": "1",
    "num_mels": 256,
    "upsample_rates": [5, 4, 4, 2],
    "upsample_kernel_sizes": [11, 8, 8, 4],
    "upsample_initial_channel": 32,
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3, 5]],
    "learning_rate": 0.0002,
    "sampling_rate": 16000,
    "hop_size": 160,
}

FOLDERS = {"auffusion": "foleycrafter/auffusion", "image_encoder": "foleycrafter/image_encoder"}
FILES = {
    "temporal_adapter": "foleycrafter/temporal_adapter.ckpt",
    "semantic_adapter": "foleycrafter/semantic/semantic_adapter.bin",
    "timestamp_detector": "foleycrafter/timestamp_detector.pth.tar",
    "vocoder": "foleycrafter/vocoder/vocoder.pt",
}


def write_published(models: Path) -> Path:
    """The whole engine below `models`, each part in its published form; returns `models`."""
    return copied(_write_published, models)


def _write_published(models: Path) -> Path:
    auffusion = models / FOLDERS["auffusion"]
    unet = seeded(diffusion.unet(UNET), 1)
    write_json(UNET, auffusion / "unet" / "config.json")
    save_safe(unet.state_dict(), auffusion / "unet" / "diffusion_pytorch_model.safetensors")
    write_json(VAE, auffusion / "vae" / "config.json")
    save_pickled(vae_state(2), auffusion / "vae" / "diffusion_pytorch_model.bin")
    write_json(SCHEDULER, auffusion / "scheduler" / "scheduler_config.json")
    vocabulary = write_tokenizer(auffusion / "tokenizer")
    write_text_encoder(auffusion / "text_encoder", vocabulary)
    write_json(IMAGE, models / FOLDERS["image_encoder"] / "config.json")
    save_safe(
        seeded(diffusion.image_encoder(IMAGE), 4).state_dict(), models / FOLDERS["image_encoder"] / "model.safetensors"
    )
    save_pickled(temporal_file(), models / FILES["temporal_adapter"])
    save_pickled(semantic_file(unet), models / FILES["semantic_adapter"])
    detector = in_parallel(seeded(OnsetDetector(ONSETS), 7).state_dict())
    save_pickled(
        {"epoch": 100, "state_dict": detector, "optimizer": {"state": {}, "param_groups": []}},
        models / FILES["timestamp_detector"],
    )
    write_json(VOCODER, (models / FILES["vocoder"]).with_name("config.json"))
    save_pickled({"generator": vocoder_state(8)}, models / FILES["vocoder"])
    return models


def temporal_file(settings: dict[str, Any] = UNET) -> dict[str, Any]:
    """The temporal adapter's file, as saved from a training on several devices."""
    return {"epoch": 3, "state_dict": in_parallel(seeded(diffusion.controlnet(settings), 5).state_dict())}


def semantic_file(unet: nn.Module, embed_dim: int = _EMBED_DIM) -> dict[str, dict[str, Tensor]]:
    """The semantic adapter's file: its two groups."""
    groups: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in seeded(SemanticAdapter(unet, embed_dim), 6).state_dict().items():
        group, _, rest = name.partition(".")
        groups[group][rest] = tensor
    return groups


def vae_state(seed: int) -> dict[str, Tensor]:
    """An autoencoder's file with its attentions named as before diffusers 0.18."""
    return older_attention(seeded(diffusion.autoencoder(VAE), seed, 0.3).state_dict())


def older_attention(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An autoencoder's tensors as diffusers before 0.18 named those of its attentions."""
    older = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in state.items():
        for new, old in older.items():
            name = name.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
        renamed[name] = tensor
    return renamed


def write_text_encoder(folder: Path, vocabulary: int) -> None:
    """A text encoder as older transformers saved it: with its prefix, and the positions as a tensor."""
    settings = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "vocab_size": vocabulary,
        "hidden_size": _TEXT_WIDTH,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
        "pad_token_id": vocabulary - 1,
    }
    write_json(settings, folder / "config.json")
    state = seeded(diffusion.text_encoder(settings), 3).state_dict()
    state = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in state.items()}
    state["text_model.embeddings.position_ids"] = torch.arange(77).unsqueeze(0)
    save_pickled(state, folder / "pytorch_model.bin")


def write_tokenizer(folder: Path) -> int:
    """CLIP's tokenizer with letters only, no pairs; returns how many tokens it has."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(number) for number in printable] + [chr(256 + number) for number in range(256 - len(printable))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *_SPECIALS]
    write_json({token: number for number, token in enumerate(tokens)}, folder / "vocab.json")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    start, end = _SPECIALS
    write_json(
        {
            "model_max_length": 77,
            "bos_token": start,
            "eos_token": end,
            "unk_token": end,
            "pad_token": end,
            "tokenizer_class": "CLIPTokenizer",
        },
        folder / "tokenizer_config.json",
    )
    return len(tokens)


def vocoder_state(seed: int) -> dict[str, Tensor]:
    """A vocoder's file with its convolutions weight-normalised, as published."""
    state = {}
    for name, tensor in seeded(HiFiGan(HiFiGanConfig.from_json(VOCODER)), seed, 0.1).state_dict().items():
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            norm = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
            state |= {f"{layer}.weight_g": norm, f"{layer}.weight_v": 2.0 * tensor}
        else:
            state[name] = tensor
    return state


def in_parallel(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def seeded(network: Any, seed: int, scale: float = 0.2) -> Any:
    """`network` with every parameter drawn anew from a seed; what normalises stays near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator) * scale
        parameter.data = drawn + 1.0 if "norm" in name and name.endswith("weight") else drawn
    return network


def write_json(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def save_pickled(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)


def save_safe(state: dict[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
