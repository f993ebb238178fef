"""Qwen2 language model (arXiv 2407.10671) of transformers' layers, with a KV cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from deepsound.models.videollama2.attention import RotaryEmbedding, register
from deepsound.models.videollama2.config import LanguageConfig
from deepsound.models.videollama2.imports import transformers_module
from deepsound.models.videollama2.kv_cache import KeyValueCache


class Qwen2Decoder(nn.Module):
    """Embedding, layers and final norm, under their published names."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        qwen2 = transformers_module("models.qwen2.modeling_qwen2")
        settings = _settings(config)
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width)
        self.layers = nn.ModuleList(qwen2.Qwen2DecoderLayer(settings, index) for index in range(config.layers))
        self.norm = qwen2.Qwen2RMSNorm(config.width, eps=config.norm_eps)
        self.rotary = RotaryEmbedding(config.head_width, config.rope_theta)
        self.compiled_run: Callable[..., Tensor] | None = None
        # In training mode alone: activations inside a layer are computed again on the way back.
        self.gradient_checkpointing = False

    def forward(self, embeddings: Tensor, kv_cache: KeyValueCache | None, mask: Tensor | None) -> Tensor:
        """[B, tokens, width] before the head."""
        tokens = embeddings.shape[1]
        if kv_cache is not None:
            positions, mask = kv_cache.positions(tokens), kv_cache.mask(tokens)
        else:
            positions = torch.arange(tokens, device=embeddings.device)[None]
        rotary = self.rotary(positions, embeddings.dtype)
        if self.compiled_run is not None and kv_cache is not None and kv_cache.is_step(tokens):
            return self.compiled_run(self, embeddings, mask, rotary, kv_cache)
        return self.run(embeddings, mask, rotary, kv_cache)

    def run(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        rotary: tuple[Tensor, Tensor],
        kv_cache: KeyValueCache | None,
    ) -> Tensor:
        """All layers and the norm, with `rotary` the rotary cosines and sines."""
        for layer in self.layers:
            named: dict[str, Any] = {"attention_mask": mask, "position_embeddings": rotary}
            if self.gradient_checkpointing and self.training and kv_cache is None:
                out = checkpoint(layer, hidden, use_reentrant=False, **named)
            else:
                out = layer(hidden, kv_cache=kv_cache, **named)
            hidden = out[0] if isinstance(out, tuple) else out  # a tuple before transformers 4.54
        return self.norm(hidden)


class LanguageModel(nn.Module):
    """Reads embeddings, says what comes next."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Qwen2Decoder(config)
        self.lm_head = nn.Linear(config.width, config.vocabulary, bias=False)

    @property
    def dtype(self) -> torch.dtype:
        """What embeddings have to be in; layers may hold their weights in fewer bits."""
        return self.lm_head.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.lm_head.weight.device

    def embed(self, ids: Tensor) -> Tensor:
        """[..., width] of token ids."""
        return self.model.embed_tokens(ids)

    def new_cache(self, capacity: int, fixed: bool = False) -> KeyValueCache:
        """An empty cache for up to `capacity` tokens."""
        return KeyValueCache(self.config, capacity, self.dtype, self.device, fixed)

    def compile_step(self, **options: Any) -> None:
        """Compile the step of one token behind a fixed cache; `options` are torch.compile's."""
        if self.model.compiled_run is None:
            # Not of the bound method: a network that refers to itself is not freed when it is let go.
            self.model.compiled_run = torch.compile(Qwen2Decoder.run, dynamic=False, **options)

    def forward(
        self,
        embeddings: Tensor,
        kv_cache: KeyValueCache | None = None,
        rows: int | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Logits float32 [B, rows, vocabulary] of the last `rows` tokens of `embeddings` [B, tokens, width], or of all.

        With a cache, which is of one sequence, the tokens come behind what is in it and are kept there; it raises
        ValueError where they do not fit. Without one, `mask` [B, 1, tokens, tokens] may say who sees whom.
        """
        hidden = self.model(embeddings, kv_cache, mask)
        if kv_cache is not None:
            kv_cache.advance(embeddings.shape[1])
        return self.lm_head(hidden if rows is None else hidden[:, hidden.shape[1] - rows :]).float()


def _settings(config: LanguageConfig) -> Any:
    return transformers_module("models.qwen2.configuration_qwen2").Qwen2Config(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        intermediate_size=config.mlp_width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.key_value_heads,
        rms_norm_eps=config.norm_eps,
        use_sliding_window=False,
        max_position_embeddings=config.max_positions,
        attn_implementation=register(),
    )
