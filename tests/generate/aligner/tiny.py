"""Miniature AudioLDM and ImageBind, seeded, in the published layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from deepsound.models.audioldm import networks
from deepsound.models.clip.tokenizer import MERGES
from deepsound.models.imagebind.config import IMAGEBIND_HUGE, ImageBindConfig, ImageBindTextConfig
from deepsound.models.imagebind.model import ImageBind
from tests.generate.foleycrafter.tiny import older_attention, save_safe, seeded, write_json
from tests.material import copied

WIDTH = 8
UNET = {
    "_class_name": "UNet2DConditionModel",
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [8, 16],
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": [8, 16],
    "norm_num_groups": 4,
    "class_embed_type": "simple_projection",
    "class_embeddings_concat": True,
    "projection_class_embeddings_input_dim": WIDTH,
}
VAE = {
    "_class_name": "AutoencoderKL",
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": [4, 4, 4],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
    "scaling_factor": 0.9,
}
VOCODER = {
    "architectures": ["SpeechT5HifiGan"],
    "model_type": "hifigan",
    "model_in_dim": 64,
    "sampling_rate": 16000,
    "upsample_initial_channel": 32,
    "upsample_rates": [5, 4, 2, 2, 2],
    "upsample_kernel_sizes": [16, 16, 8, 4, 4],
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
    "normalize_before": False,
}
SCHEDULER = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
IMAGEBIND = ImageBindConfig(
    embed_dim=12,
    vision=replace(IMAGEBIND_HUGE.vision, width=16, depth=1, heads=1, mlp_width=32, patch_size=56),
    audio=replace(IMAGEBIND_HUGE.audio, width=16, depth=1, heads=1, mlp_width=32),
    text=ImageBindTextConfig(4, 1, 1, 8),
)
AUDIOLDM_FOLDER, IMAGEBIND_FILE = "audioldm/audioldm-m-full", "metrics/imagebind_huge.pth"
TABLE_FILE = "mmaudio/merges.txt"


def write_published(models: Path) -> Path:
    """The engine `seeing_hearing` below `models`, each part in its published form; returns `models`."""
    return copied(_write_published, models)


def _write_published(models: Path) -> Path:
    folder = models / AUDIOLDM_FOLDER
    vocabulary = write_tokenizer(folder / "tokenizer")
    text = {
        "model_type": "clap_text_model",
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 66,
        "projection_dim": WIDTH,
    }
    write_part(folder, "unet", UNET, networks.unet(UNET), 1)
    write_json(VAE, folder / "vae" / "config.json")
    vae = seeded(networks.autoencoder(VAE), 2).state_dict()
    save_safe(older_attention(vae), folder / "vae" / "diffusion_pytorch_model.safetensors")
    write_part(folder, "text_encoder", text, networks.text_encoder(text), 3, "model")
    write_part(folder, "vocoder", VOCODER, networks.vocoder(VOCODER), 4, "model")
    write_json(SCHEDULER, folder / "scheduler" / "scheduler_config.json")
    write_imagebind(models)
    return models


def write_part(
    folder: Path, part: str, settings: dict[str, Any], network: Any, seed: int, stem: str = "diffusion_pytorch_model"
) -> None:
    """A part of a folder in diffusers' layout: its settings, and seeded weights."""
    write_json(settings, folder / part / "config.json")
    save_safe(seeded(network, seed).state_dict(), folder / part / f"{stem}.safetensors")


def write_imagebind(models: Path) -> None:
    """ImageBind with its three towers, and a table of byte pairs that no text uses."""
    towers = seeded(ImageBind(IMAGEBIND, ["vision", "audio", "text"]), 5, 0.3)
    state = towers.state_dict() | {"modality_postprocessors.audio.1.log_logit_scale": torch.tensor(20.0).log()}
    path = models / IMAGEBIND_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    table = models / TABLE_FILE
    table.parent.mkdir(parents=True, exist_ok=True)
    pairs = "\n".join(f"\u0101{number} \u0101" for number in range(MERGES))
    table.write_text(f"#version: 0.2\n{pairs}\n", encoding="utf-8")


def write_tokenizer(folder: Path) -> int:
    """RoBERTa's tokenizer with letters only, no pairs; returns how many tokens it has."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(number) for number in printable] + [chr(256 + number) for number in range(256 - len(printable))]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *letters, "<mask>"]
    write_json({token: number for number, token in enumerate(tokens)}, folder / "vocab.json")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    write_json({"model_max_length": 64, "tokenizer_class": "RobertaTokenizer"}, folder / "tokenizer_config.json")
    return len(tokens)
