"""Miniature VideoLLaMA2: seeded networks and a small tokenizer in the published layout.

Two shards with their index, settings, generation settings and tokenizer files; keys, copies of shared tables and what
nobody loads included. A checkpoint is random, so that everything it reads matters, or scripted, so that it answers a
text of the test's own to any question.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from deepsound.models.beats.config import BeatsConfig
from deepsound.models.videollama2.config import ConnectorConfig, LanguageConfig, SiglipConfig, VideoLlama2Config
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.language import LanguageModel
from tests.goldens.qwen_tokens import write_tokenizer

# Byte tokens, these, and the words below; what is left of the vocabulary is for a script's pieces.
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WORDS = ("the ", "audio", "video", "voice-over", "Step", "CONCLUSION", "There ", "people")
VOCABULARY = 400

CONFIG = VideoLlama2Config(
    language=LanguageConfig(vocabulary=VOCABULARY, width=64, layers=2, heads=4, key_value_heads=2, mlp_width=128),
    vision=SiglipConfig(width=72, layers=3, heads=1, mlp_width=48, image_size=384, patch_size=48),
    connector=ConnectorConfig(vision_width=72, width=64, depth=4),
    audio=BeatsConfig(
        patch_width=16, width=32, layers=2, heads=2, mlp_width=48, conv_kernel=8, conv_groups=4, classes=5
    ),
)
TOWER_NAME = "google/siglip-tiny-patch48-384"


def write(
    folder: Path,
    *,
    seed: int = 1,
    script: Sequence[str] = (),
    endless: bool = False,
    with_tower: bool = True,
    penalty: float = 1.05,
    config: VideoLlama2Config = CONFIG,
    words: Sequence[str] = WORDS,
) -> Path:
    """A checkpoint folder, random or with a `script` of pieces that are all different; returns `folder`.

    An `endless` script begins again where it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = tokens_of(folder, script, words, config.language.vocabulary)
    state = published_state(config, seed)
    if script:
        teach(state, [ids["\n"], *(ids[piece] for piece in script), ids[script[0] if endless else "<|im_end|>"]])
    if with_tower:
        state |= {
            f"model.vision_tower.vision_tower.vision_model.{name}": tensor
            for name, tensor in tower_state(config.vision, seed).items()
        }
    _save_shards(folder, {name: tensor.bfloat16() for name, tensor in state.items()})
    (folder / "config.json").write_text(json.dumps(settings(config)))
    (folder / "generation_config.json").write_text(
        json.dumps(
            {
                "do_sample": True,
                "temperature": 0.7,
                "top_k": 20,
                "top_p": 0.8,
                "repetition_penalty": penalty,
                "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
                "pad_token_id": ids["<|endoftext|>"],
            }
        )
    )
    return folder


def write_siglip(folder: Path, seed: int = 1) -> Path:
    """SigLIP's own folder: both towers, of which one is of use, unrounded, and its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    tower = {f"vision_model.{name}": tensor for name, tensor in tower_state(CONFIG.vision, seed).items()}
    save_file(tower | {"text_model.embeddings.token_embedding.weight": torch.zeros(2, 2)}, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps(
            {
                "model_type": "siglip",
                "vision_config": {"image_size": 384, "num_hidden_layers": 3, "num_attention_heads": 1},
            }
        )
    )
    return folder


def settings(config: VideoLlama2Config) -> dict[str, object]:
    """config.json, with what the original leaves there for its own loader."""
    language = config.language
    return {
        "architectures": ["Videollama2Qwen2ForCausalLM"],
        "model_type": "videollama2_qwen2",
        "torch_dtype": "bfloat16",
        "vocab_size": language.vocabulary,
        "hidden_size": language.width,
        "num_hidden_layers": language.layers,
        "num_attention_heads": language.heads,
        "num_key_value_heads": language.key_value_heads,
        "intermediate_size": language.mlp_width,
        "rope_theta": language.rope_theta,
        "rms_norm_eps": language.norm_eps,
        "max_position_embeddings": language.max_positions,
        "tie_word_embeddings": False,
        "num_frames": config.frames,
        "mm_vision_tower": TOWER_NAME,
        "mm_projector_type": "stc_connector_v35",
        "mm_hidden_size": config.vision.width,
        "mm_vision_select_layer": -2,
        "mm_vision_select_feature": "patch",
        "mm_audio_tower": "./BEATs.pt",
        "mm_projector_a_type": "mlp2x_gelu",
        "mm_hidden_size_a": config.audio.width,
        "hidden_size_a": language.width,
        "image_aspect_ratio": "pad",
    }


def published_state(config: VideoLlama2Config, seed: int) -> dict[str, Tensor]:
    """Everything but the vision tower under its published keys, a copy of the shared bias table for every layer."""
    language = seeded(LanguageModel(config.language), seed).state_dict()
    # Words as strong as media tokens, so that what is written does not fall into one token for ever.
    language["model.embed_tokens.weight"] *= 6.0
    audio = seeded(AudioEncoder(config.audio, config.language.width), seed + 1).state_dict()
    vision = seeded(VisionEncoder(config.vision, config.connector), seed + 2).state_dict()
    state = dict(language) | {f"model.{name}": tensor for name, tensor in audio.items()}
    state |= {f"model.{name}": tensor for name, tensor in vision.items() if name.startswith("mm_projector.")}
    table = "model.audio_tower.encoder.layers.{}.self_attn.relative_attention_bias.weight"
    return state | {table.format(layer): state[table.format(0)].clone() for layer in range(1, config.audio.layers)}


def tower_state(config: SiglipConfig, seed: int) -> dict[str, Tensor]:
    """SigLIP's vision tower with its last layer, norm and head, which are of no use here."""
    from dataclasses import replace

    from deepsound.models.videollama2.encoders import SiglipTower

    whole = seeded(SiglipTower(replace(config, select_layer=-1)), seed + 3).state_dict()
    return dict(whole) | {
        "post_layernorm.weight": torch.ones(config.width),
        "head.probe": torch.zeros(1, 1, config.width),
    }


def tokens_of(
    folder: Path, script: Sequence[str], words: Sequence[str] = WORDS, vocabulary: int = VOCABULARY
) -> dict[str, int]:
    """Write the tokenizer's files; returns the ids of special tokens, of the newline and of the script's pieces."""
    if len(set(script)) != len(script):
        raise ValueError("a script's pieces must all be different")
    ranks = {bytes([byte]): byte for byte in range(256)}
    for word in words:
        data = word.encode()
        for end in range(2, len(data) + 1):
            ranks.setdefault(data[:end], len(ranks))
    special = {name: len(ranks) + place for place, name in enumerate(SPECIAL)}
    write_tokenizer(folder, ranks, special)
    known = {piece: ranks[piece.encode()] for piece in script if piece.encode() in ranks}
    pieces = {
        piece: len(ranks) + len(SPECIAL) + place
        for place, piece in enumerate(piece for piece in script if piece not in known)
    }
    if len(ranks) + len(SPECIAL) + len(pieces) > vocabulary:
        raise ValueError("the script has more pieces than the vocabulary has room for")
    _add_pieces(folder / "tokenizer_config.json", pieces)
    return {"\n": ord("\n")} | special | known | pieces


def teach(state: dict[str, Tensor], chain: list[int]) -> None:
    """Make each token of `chain` be followed by the next: layers add nothing, and the head knows the pairs by heart."""
    for name, tensor in state.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")) and name.startswith("model.layers."):
            tensor.zero_()
    embedding, head = state["model.embed_tokens.weight"], state["lm_head.weight"]
    head.mul_(0.01)
    for token, following in pairwise(chain):
        head[following] += 4.0 * embedding[token] / embedding[token].norm()
    state["model.norm.weight"].fill_(1.0)


def seeded(network: nn.Module, seed: int, scale: float = 0.15) -> nn.Module:
    """`network` with every parameter drawn anew from a seed; what normalises stays near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        drawn = torch.randn(parameter.shape, generator=generator) * scale
        near_one = name.endswith("weight") and any(part in name for part in ("norm", ".bn."))
        parameter.data = drawn + 1.0 if near_one else drawn
    return network.requires_grad_(False)


def _add_pieces(path: Path, pieces: dict[str, int]) -> None:
    content = json.loads(path.read_text())
    for piece, number in pieces.items():
        content["added_tokens_decoder"][str(number)] = {
            "content": piece,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": False,
        }
    path.write_text(json.dumps(content))


def _save_shards(folder: Path, state: dict[str, Tensor]) -> None:
    names = sorted(state)
    files = {
        "model-00001-of-00002.safetensors": names[: len(names) // 2],
        "model-00002-of-00002.safetensors": names[len(names) // 2 :],
    }
    for file, part in files.items():
        save_file({name: state[name].contiguous() for name in part}, folder / file, {"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps(
            {
                "metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())},
                "weight_map": {name: file for file, part in files.items() for name in part},
            }
        )
    )
