"""Multi-head attention of MMAudio: rotary position embedding (RoPE), RMS-normalised QK.

Original: hkchengrex/MMAudio, `transformer_layers.py` and `rotary_embeddings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from deepsound.models.cpu_attention import scaled_dot_product_attention
from deepsound.models.mmaudio.linear import Linear

_THETA = 10000.0
# torch before 2.11 may take the epsilon of the dtype at hand; the networks ran with float32's in every dtype.
_RMS_EPS = torch.finfo(torch.float32).eps


@lru_cache(maxsize=32)
def compute_rope_rotations(length: int, head_dim: int, frequency_scale: float, device: torch.device) -> Tensor:
    """RoPE rotations of positions 0 to length - 1, their frequencies multiplied by `frequency_scale`.

    Complex [length, head_dim / 2], computed in float32: what to multiply a pair of a query's or key's numbers with.
    """
    with torch.inference_mode(False):
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device="cpu") / head_dim
        rotations = torch.arange(length, dtype=torch.float32, device="cpu")
        angles = rotations[:, None] * (1.0 / _THETA**exponents * frequency_scale)
        return torch.complex(angles.cos(), angles.sin()).to(device)


def apply_rope(heads: Tensor, by: Tensor) -> Tensor:
    """`heads` [B, length, heads, head_dim] rotated by RoPE (arXiv 2104.09864) in float32; returned in their dtype."""
    pairs = torch.view_as_complex(heads.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * by[:, None]).flatten(-2).to(heads.dtype)


class AttentionInputs(NamedTuple):
    """Queries, keys and values, [B, heads, length, head_dim] each."""

    query: Tensor
    key: Tensor
    value: Tensor


class Qkv(Linear):
    """To queries, keys and values in three blocks. Published rows lie by head, then by channel, then query, key, value.

    They are put in order when they are loaded, and back when they are saved.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, 3 * width)
        self.heads = heads

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in (f"{prefix}weight", f"{prefix}bias"):
            destination[name] = destination[name].unflatten(0, (3, self.heads, -1)).movedim(0, 2).flatten(0, 2)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        *rest: Any,
    ) -> None:
        for name in (f"{prefix}weight", f"{prefix}bias"):
            # Another number of rows is refused as it is.
            if name in state_dict and state_dict[name].shape[:1] == (self.out_features,):
                state_dict[name] = state_dict[name].unflatten(0, (self.heads, -1, 3)).movedim(2, 0).flatten(0, 2)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class HeadProjection(nn.Module):
    """RMS-normalised queries and keys with RoPE, and values (the original's `SelfAttention.pre_attention`)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Qkv(width, heads)
        self.q_norm = nn.RMSNorm(width // heads, eps=_RMS_EPS)
        self.k_norm = nn.RMSNorm(width // heads, eps=_RMS_EPS)

    def forward(self, sequence: Tensor, rotations: Tensor | None) -> AttentionInputs:
        query, key, value = self.qkv(sequence).unflatten(-1, (3, self.heads, -1)).unbind(2)
        query, key = self.q_norm(query), self.k_norm(key)
        if rotations is not None:
            query, key = apply_rope(query, rotations), apply_rope(key, rotations)
        return AttentionInputs(*(heads.transpose(1, 2) for heads in (query, key, value)))


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[B, queries, width] of heads [B, heads, length, head_dim]."""
    return scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
