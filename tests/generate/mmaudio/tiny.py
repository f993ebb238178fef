"""Miniature MMAudio: seeded networks in the published layout.

Every file has the published form (names, nesting, weight norm, what is ignored); only widths and depths are small, so
the whole engine runs in seconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deepsound.models.bigvgan.config import BIGVGAN_16K, BIGVGAN_V2_44K, BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.clip.config import DFN5B_VIT_H_14_384, ClipConfig, ClipTextConfig, ClipVisionConfig
from deepsound.models.clip.model import CLIP
from deepsound.models.clip.tokenizer import MERGES
from deepsound.models.mmaudio.config import VARIANTS, FlowConfig
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.synchformer.config import SYNCHFORMER, SynchformerConfig
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.text_steered import TextSteeredConfig, TextSteeredSynchformer
from deepsound.models.vae.config import VAE_16K, VAE_44K, VaeConfig
from deepsound.models.vae.model import MelVae
from tests.material import copied


@dataclass(frozen=True)
class Sizes:
    """The five networks of a variant."""

    flow: FlowConfig
    vae: VaeConfig
    vocoder: BigVganConfig
    clip: ClipConfig
    synchformer: SynchformerConfig


_CLIP = ClipConfig(
    embed_dim=24,
    vision=ClipVisionConfig(image_size=378, patch_size=54, width=32, layers=2, head_width=16),
    text=ClipTextConfig(width=24, heads=2, layers=2),
)
_SYNCHFORMER = SynchformerConfig(width=64, depth=2, heads=1, patch_size=32)
_FLOW = FlowConfig(
    latent_dim=20, hidden_dim=128, num_heads=2, depth=3, fused_depth=1, clip_dim=24, sync_dim=64, text_dim=24
)
TINY_16K = Sizes(
    _FLOW, replace(VAE_16K, base_channels=8), replace(BIGVGAN_16K, upsample_initial_channel=64), _CLIP, _SYNCHFORMER
)
TINY_44K_V2 = Sizes(
    replace(_FLOW, latent_dim=40, v2=True),
    replace(VAE_44K, base_channels=8),
    replace(BIGVGAN_V2_44K, upsample_initial_channel=64),
    _CLIP,
    _SYNCHFORMER,
)
FULL_SMALL_16K = Sizes(VARIANTS["small_16k"].flow, VAE_16K, BIGVGAN_16K, DFN5B_VIT_H_14_384, SYNCHFORMER)

# A host's models folder, as the two kinds of users have it: the published files, and repackaged safetensors.
PUBLISHED = {
    "flow": "mmaudio/mmaudio_small_16k.pth",
    "vae": "mmaudio/v1-16.pth",
    "vocoder": "mmaudio/best_netG.pt",
    "synchformer": "mmaudio/synchformer_state_dict.pth",
    "clip": "mmaudio/DFN5B-CLIP-ViT-H-14-384/open_clip_pytorch_model.bin",
}
SELVA = {
    "flow": "selva/generator_small_16k_sup_5.pth",
    "vae": "mmaudio/v1-16.pth",
    "vocoder": "mmaudio/best_netG.pt",
    "synchformer": "selva/video_enc_sup_5.pth",
    "clip": "mmaudio/DFN5B-CLIP-ViT-H-14-384/open_clip_pytorch_model.bin",
}
REPACKAGED = {
    "flow": "mmaudio/mmaudio_large_44k_v2_fp16.safetensors",
    "vae": "mmaudio/mmaudio_vae_44k_fp16.safetensors",
    "vocoder": "mmaudio/nvidia/bigvgan_v2_44khz_128band_512x/bigvgan_generator.pt",
    "synchformer": "mmaudio/mmaudio_synchformer_fp16.safetensors",
    "clip": "mmaudio/apple_DFN5B-CLIP-ViT-H-14-384_fp16.safetensors",
}


def write_published_16k(models: Path, sizes: Sizes = TINY_16K) -> Path:
    """The files of small_16k below `models`, each in its published form; returns `models`."""
    return copied(_write_published_16k, models, sizes)


def _write_published_16k(models: Path, sizes: Sizes) -> Path:
    files = {role: models / name for role, name in PUBLISHED.items()}
    save_pickled(flow_state(sizes.flow, seed=1), files["flow"])
    save_pickled(vae_state(sizes.vae, seed=2), files["vae"])
    save_pickled({"generator": vocoder_state(sizes.vocoder, seed=3)}, files["vocoder"])
    save_pickled(sync_state(sizes.synchformer, seed=4), files["synchformer"])
    save_pickled(seeded(CLIP(sizes.clip), 5).state_dict(), files["clip"])
    write_settings(sizes.clip, files["clip"])
    write_byte_pairs(models / "mmaudio" / "merges.txt")
    return models


def write_repackaged_44k(models: Path) -> Path:
    """The files of large_44k_v2 as a well-known pack keeps them, in half precision; returns `models`."""
    return copied(_write_repackaged_44k, models)


def _write_repackaged_44k(models: Path) -> Path:
    files, sizes = {role: models / name for role, name in REPACKAGED.items()}, TINY_44K_V2
    _save_half(flow_state(sizes.flow, seed=1), files["flow"])
    _save_half(vae_state(sizes.vae, seed=2), files["vae"])
    save_pickled({"generator": vocoder_state(sizes.vocoder, seed=3)}, files["vocoder"])
    _save_half(sync_state(sizes.synchformer, seed=4), files["synchformer"])
    _save_half(seeded(CLIP(sizes.clip), 5).state_dict(), files["clip"])
    write_settings(sizes.clip, files["clip"])
    write_byte_pairs(models / "mmaudio" / "merges.txt")
    return models


def write_selva(models: Path) -> Path:
    """The files of SelVA below `models`, each in its published form; returns `models`."""
    return copied(_write_selva, models)


def _write_selva(models: Path) -> Path:
    files, sizes = {role: models / name for role, name in SELVA.items()}, TINY_16K
    save_pickled(flow_state(sizes.flow, seed=11), files["flow"])
    save_pickled(vae_state(sizes.vae, seed=2), files["vae"])
    save_pickled({"generator": vocoder_state(sizes.vocoder, seed=3)}, files["vocoder"])
    steered = seeded(TextSteeredSynchformer(TextSteeredConfig(trunk=sizes.synchformer, text_width=16)), 12, scale=0.2)
    save_pickled({**steered.state_dict(), "spectral.window": torch.zeros(2)}, files["synchformer"])
    save_pickled(seeded(CLIP(sizes.clip), 5).state_dict(), files["clip"])
    write_settings(sizes.clip, files["clip"])
    write_byte_pairs(models / "mmaudio" / "merges.txt")
    write_flan_t5(models / "selva" / "flan-t5-base")
    return models


def write_flan_t5(folder: Path) -> Path:
    """A T5 with its decoder, its settings and a tokenizer of a few words, as a published folder holds them."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder.mkdir(parents=True)
    words = ["<pad>", "</s>", "<unk>", "rain", "drums", "wind", "the", "only"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token=words[2]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.enable_padding(length=16)
    tokenizer.save(str(folder / "tokenizer.json"))
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": len(words)}
    config = transformers.T5Config(**sizes, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    network = seeded(transformers.T5ForConditionalGeneration(config), 13, scale=0.3)
    (folder / "config.json").write_text(json.dumps({**config.to_dict(), "auto_map": {"AutoModel": "evil.Model"}}))
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items() if "embed_tokens" not in name}
    save_file(kept, folder / "model.safetensors")
    return folder


def flow_state(config: FlowConfig, seed: int) -> dict[str, Tensor]:
    """A flow network's file, with the tables that published files carry and nobody loads."""
    state = seeded(MMAudio(config), seed).state_dict()
    state |= {"latent_mean": torch.zeros(1, 1, config.latent_dim), "latent_std": torch.ones(1, 1, config.latent_dim)}
    return state | {
        "latent_rot": torch.zeros(1, 4, 4),
        "clip_rot": torch.zeros(1, 4, 4),
        "t_embed.freqs": torch.zeros(config.time_features // 2),
    }


def vae_state(config: VaeConfig, seed: int) -> dict[str, Tensor]:
    """An autoencoder's file: both halves, weights not yet normalised."""
    state = seeded(MelVae(config), seed, scale=1.0).state_dict()
    return state | {"data_mean": torch.full((1, config.n_mels, 1), -2.0), "data_std": torch.ones(1, config.n_mels, 1)}


def vocoder_state(config: BigVganConfig, seed: int) -> dict[str, Tensor]:
    """A vocoder's file with its convolutions weight-normalised, as published."""
    state = {}
    for name, tensor in seeded(BigVgan(config), seed, scale=0.1).state_dict().items():
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            norm = torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
            state |= {f"{layer}.weight_g": norm, f"{layer}.weight_v": 2.0 * tensor}
        else:
            state[name] = tensor
    return state


def sync_state(config: SynchformerConfig, seed: int) -> dict[str, Tensor]:
    """Synchformer's file: the visual encoder among parts that are of no use here."""
    unused = {
        "afeat_extractor.ast.weight": torch.zeros(2, 2),
        "transformer.pos_emb": torch.zeros(1, 2),
        "vproj.weight": torch.zeros(2, 2),
        "aproj.weight": torch.zeros(2, 2),
    }
    return seeded(Synchformer(config), seed).state_dict() | unused


def seeded(network: nn.Module, seed: int, scale: float = 0.05) -> nn.Module:
    """`network` with every parameter drawn anew from a seed; what normalises stays near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator) * scale
        parameter.data = drawn + 1.0 if "norm" in name and name.endswith("weight") else drawn
    return network


def write_settings(config: ClipConfig, clip_file: Path) -> None:
    """What open_clip publishes beside its weights."""
    settings = {
        "model_cfg": {
            "embed_dim": config.embed_dim,
            "quick_gelu": True,
            "vision_cfg": {"head_width": config.vision.head_width},
            "text_cfg": {"heads": config.text.heads},
        }
    }
    clip_file.with_name("open_clip_config.json").write_text(json.dumps(settings))


def write_byte_pairs(path: Path) -> Path:
    """A table of as many byte pairs as CLIP's, made up: words become letters, which is all the tests need."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#version: made for tests\n" + "\n".join(f"pair{index} {index}" for index in range(MERGES)) + "\n")
    return path


def save_pickled(state: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)


def _save_half(state: dict[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, path)
