"""Tiny multimodal models of several families, as folders that transformers reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SPECIAL = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
    # What Gemma calls the same places.
    "boi_token": "<|vision_bos|>",
    "eoi_token": "<|vision_eos|>",
    "boa_token": "<|audio_bos|>",
    "eoa_token": "<|audio_eos|>",
}
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_bos|><|IMAGE|><|vision_eos|>"
    "{% elif part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 288,
    "max_position_embeddings": 8192,
}
ROPE = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
MELS = 16


def tokenizer() -> Any:
    """Bytes and the special tokens: every text is one token per byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bare = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    made = Qwen2TokenizerFast(
        tokenizer_object=bare,
        **{"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        extra_special_tokens={**SPECIAL, "start_token": "<|im_start|>"},
    )
    made.chat_template = CHAT
    return made


def ids(tokens: Any) -> dict[str, int]:
    return {name: tokens.convert_tokens_to_ids(text) for name, text in SPECIAL.items()}


def _save(folder: Path, model: Any, processor: Any) -> Path:
    model.generation_config.eos_token_id = processor.tokenizer.eos_token_id
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _image_processors() -> dict[str, Any]:
    from transformers import Qwen2VLImageProcessor, Qwen2VLVideoProcessor

    sizes = {"patch_size": 14, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 784, "max_pixels": 3136}
    return {"image_processor": Qwen2VLImageProcessor(**sizes), "video_processor": Qwen2VLVideoProcessor(**sizes)}


def _extractor() -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=MELS, chunk_length=30)


def qwen2_5_omni(folder: Path) -> Path:
    """Pictures and sound; the part that speaks is configured and has no weights."""
    from transformers import Qwen2_5OmniConfig, Qwen2_5OmniForConditionalGeneration, Qwen2_5OmniProcessor

    tokens = tokenizer()
    known = ids(tokens)
    config = Qwen2_5OmniConfig(
        thinker_config={
            "text_config": {**TEXT, "rope_parameters": ROPE, "pad_token_id": tokens.pad_token_id},
            "vision_config": {
                "depth": 1,
                "hidden_size": 32,
                "intermediate_size": 32,
                "num_heads": 2,
                "out_hidden_size": 32,
                "fullatt_block_indexes": [0],
            },
            "audio_config": {
                "d_model": 32,
                "encoder_layers": 1,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 32,
                "num_mel_bins": MELS,
                "output_dim": 32,
            },
            "image_token_index": known["image_token"],
            "audio_token_index": known["audio_token"],
            "video_token_index": known["video_token"],
            "image_token_id": known["image_token"],
            "audio_token_id": known["audio_token"],
            "video_token_id": known["video_token"],
            "vision_start_token_id": known["vision_bos_token"],
            "audio_start_token_id": known["audio_bos_token"],
        },
        enable_audio_output=False,
    )
    torch.manual_seed(0)
    model = Qwen2_5OmniForConditionalGeneration(config)
    processor = Qwen2_5OmniProcessor(
        **_image_processors(), feature_extractor=_extractor(), tokenizer=tokens, chat_template=CHAT
    )
    return _save(folder, model, processor)


def qwen2_audio(folder: Path) -> Path:
    """Sound alone."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

    tokens = tokenizer()
    config = Qwen2AudioConfig(
        audio_config={
            "d_model": 32,
            "encoder_layers": 1,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "num_mel_bins": MELS,
        },
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_index=ids(tokens)["audio_token"],
    )
    torch.manual_seed(0)
    model = Qwen2AudioForConditionalGeneration(config)
    return _save(folder, model, Qwen2AudioProcessor(_extractor(), tokens, chat_template=CHAT))


def qwen2_vl(folder: Path) -> Path:
    """Pictures alone."""
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor

    tokens = tokenizer()
    known = ids(tokens)
    config = Qwen2VLConfig(
        text_config={**TEXT, "rope_parameters": ROPE},
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=known["image_token"],
        video_token_id=known["video_token"],
        vision_start_token_id=known["vision_bos_token"],
        vision_end_token_id=known["vision_eos_token"],
    )
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration(config)
    return _save(folder, model, Qwen2VLProcessor(**_image_processors(), tokenizer=tokens, chat_template=CHAT))


def qwen3_omni(folder: Path) -> Path:
    """Pictures and sound, by a mixture of experts."""
    from transformers import Qwen3OmniMoeConfig, Qwen3OmniMoeForConditionalGeneration, Qwen3OmniMoeProcessor

    tokens = tokenizer()
    known = ids(tokens)
    config = Qwen3OmniMoeConfig(
        thinker_config={
            "text_config": {
                **TEXT,
                "rope_parameters": {**ROPE, "mrope_interleaved": True},
                "head_dim": 16,
                "num_experts": 4,
                "num_experts_per_tok": 2,
                "moe_intermediate_size": 32,
                "pad_token_id": tokens.pad_token_id,
            },
            "vision_config": {
                "depth": 1,
                "hidden_size": 32,
                "intermediate_size": 32,
                "num_heads": 2,
                "out_hidden_size": 32,
                "patch_size": 14,
                "deepstack_visual_indexes": [0],
                "num_position_embeddings": 64,
            },
            "audio_config": {
                "d_model": 32,
                "encoder_layers": 1,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 32,
                "num_mel_bins": MELS,
                "output_dim": 32,
                "downsample_hidden_size": 16,
            },
            "image_token_id": known["image_token"],
            "audio_token_id": known["audio_token"],
            "video_token_id": known["video_token"],
            "vision_start_token_id": known["vision_bos_token"],
            "audio_start_token_id": known["audio_bos_token"],
        },
        enable_audio_output=False,
    )
    torch.manual_seed(0)
    model = Qwen3OmniMoeForConditionalGeneration(config)
    processor = Qwen3OmniMoeProcessor(
        **_image_processors(), feature_extractor=_extractor(), tokenizer=tokens, chat_template=CHAT
    )
    return _save(folder, model, processor)


def audio_flamingo(folder: Path) -> Path:
    """Sound alone, in windows of 30 s."""
    from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration, AudioFlamingo3Processor

    tokens = tokenizer()
    config = AudioFlamingo3Config(
        audio_config={
            "model_type": "audioflamingo3_encoder",
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "num_mel_bins": MELS,
        },
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_id=ids(tokens)["audio_token"],
    )
    torch.manual_seed(0)
    model = AudioFlamingo3ForConditionalGeneration(config)
    processor = AudioFlamingo3Processor(_extractor(), tokens, chat_template=CHAT, audio_token=SPECIAL["audio_token"])
    return _save(folder, model, processor)


def gemma4(folder: Path, with_sound: bool = True) -> Path:
    """Pictures and sound; the larger ones of this family have no encoder for sound."""
    from transformers import (
        Gemma4AudioFeatureExtractor,
        Gemma4Config,
        Gemma4ForConditionalGeneration,
        Gemma4ImageProcessor,
        Gemma4Processor,
        Gemma4VideoProcessor,
    )

    tokens = tokenizer()
    known = ids(tokens)
    config = Gemma4Config(
        text_config={
            **TEXT,
            "head_dim": 16,
            "global_head_dim": 16,
            "vocab_size_per_layer_input": TEXT["vocab_size"],
            "hidden_size_per_layer_input": 8,
            "pad_token_id": tokens.pad_token_id,
            "eos_token_id": tokens.eos_token_id,
            "bos_token_id": None,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "position_embedding_size": 64,
        },
        audio_config={
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "subsampling_conv_channels": [128, 4],
            "output_proj_dims": 32,
        }
        if with_sound
        else None,
        image_token_id=known["image_token"],
        video_token_id=known["video_token"],
        audio_token_id=known["audio_token"],
        boi_token_id=known["boi_token"],
        eoi_token_id=known["eoi_token"],
        boa_token_id=known["boa_token"],
        eoa_token_index=known["eoa_token"],
    )
    torch.manual_seed(0)
    model = Gemma4ForConditionalGeneration(config)
    processor = Gemma4Processor(
        Gemma4AudioFeatureExtractor(),
        Gemma4ImageProcessor(max_soft_tokens=70),
        tokens,
        Gemma4VideoProcessor(),
        chat_template=CHAT,
    )
    return _save(folder, model, processor)


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "qwen2_5_omni": qwen2_5_omni,
    "qwen3_omni_moe": qwen3_omni,
    "qwen2_audio": qwen2_audio,
    "qwen2_vl": qwen2_vl,
    "audioflamingo3": audio_flamingo,
    "gemma4": gemma4,
}
