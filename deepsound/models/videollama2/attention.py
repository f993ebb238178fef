"""Attention function registered with transformers' Qwen2; reads and writes the KV cache.

transformers' layers hand queries, keys and values to a function chosen by name, with whatever else they were called
with. Keeping the cache on this side of it makes the layers' own cache arguments, which change between releases, of no
concern, and lets one function choose the kernel.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.videollama2.imports import transformers_module
from deepsound.models.videollama2.kv_cache import KeyValueCache

NAME = "deepsound_cached_attention"


@cache
def register() -> str:
    """Make this attention known to transformers; returns the name its layers find it by."""
    transformers_module("modeling_utils").ALL_ATTENTION_FUNCTIONS[NAME] = _layer_attention
    return NAME


def _layer_attention(
    layer: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **named: Any,
) -> tuple[Tensor, None]:
    """What a layer calls: queries [B, heads, tokens, head width] in, [B, tokens, heads, head width] out."""
    kv_cache: KeyValueCache | None = named.get("kv_cache")
    if kv_cache is not None:
        key, value = kv_cache.write(layer.layer_idx, key, value)
    return attend(query, key, value, attention_mask).transpose(1, 2), None


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention [B, heads, tokens, head width] over grouped keys [B, key heads, seen, head width].

    `mask` says who sees whom; without one the last query sees everything and each before it one token less.
    """
    tokens = query.shape[2]
    if mask is None and use_flash(query):
        return _flash(query, key, value)
    groups = query.shape[1] // key.shape[1]
    if mask is None and tokens > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    # Queries that share a key head lie in a row and see its keys as they are: nothing is copied to each of them.
    shared = query.unflatten(1, (-1, groups)).flatten(2, 3)
    tiled = mask if mask is None or tokens == 1 else mask.repeat(*(1,) * (mask.dim() - 2), groups, 1)
    attended = F.scaled_dot_product_attention(shared, key, value, attn_mask=tiled)
    return attended.unflatten(2, (groups, tokens)).flatten(1, 2)


def use_flash(query: Tensor) -> bool:
    """Whether flash-attn takes this: it has to be installed, and works on CUDA in 16 bit."""
    return query.is_cuda and query.dtype in (torch.float16, torch.bfloat16) and _flash_is_installed()


@cache
def _flash_is_installed() -> bool:
    return find_spec("flash_attn") is not None


def _flash(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    from flash_attn import flash_attn_func

    by_token = (tensor.transpose(1, 2) for tensor in (query, key, value))
    attended: Tensor = flash_attn_func(*by_token, causal=True).transpose(1, 2)
    return attended


class RotaryEmbedding(nn.Module):
    """Cosines and sines [B, tokens, head width] of positions, computed in float32 whatever the network's precision.

    transformers keeps the frequencies in a buffer, which a cast of the whole network to 16 bit would round.
    """

    def __init__(self, head_width: int, theta: float) -> None:
        super().__init__()
        self.head_width = head_width
        self.theta = theta

    def forward(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        steps = torch.arange(0, self.head_width, 2, device=positions.device).float() / self.head_width
        angles = positions[..., None].float() * (1.0 / self.theta**steps)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(dtype), angles.sin().to(dtype)
