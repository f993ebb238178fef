"""Scaled dot-product attention: torch's own, or plain products on CPUs without bf16 tiles.

torch's flash kernel for CPUs multiplies small blocks. Without AMX it is no faster in bfloat16 than in float32 (65 of
200 GFLOP/s on an AMD EPYC with AVX512-BF16), where two batched products with a softmax between them reach 110.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# Scores at a time, for every thread: so many stay in its core's cache.
_SCORES_AT_ONCE = 1 << 19
# torch's softmax takes so many bf16 numbers at a time, and those that are left over one by one.
_SOFTMAX_WIDTH = 32
# Rows from this length on are not filled up: what is left over weighs little.
_SHORT_ROW = 256
# Below this the scores of a query are cheaper in one kernel.
_FEWEST_QUERIES = 4


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, is_causal: bool = False) -> Tensor:
    """[B, heads, Q, head_dim] of `query` [B, heads, Q, head_dim], `key` and `value` [B, heads, K, head_dim].

    Where the products are plain, scores are rounded to bfloat16 before the softmax, which computes in float32.
    """
    if is_causal or not uses_plain_products(query):
        return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal)
    queries, keys, values = (heads.flatten(0, 1) for heads in (query, key, value))
    seen = keys.shape[1]
    excess = -seen % _SOFTMAX_WIDTH if _SOFTMAX_WIDTH < seen < _SHORT_ROW else 0
    if excess:
        keys, values = F.pad(keys, (0, 0, 0, excess)), F.pad(values, (0, 0, 0, excess))
    hidden = queries.new_zeros(seen + excess)
    hidden[seen:] = -torch.inf
    out = values.new_empty(*queries.shape[:2], values.shape[2])
    threads, scale = torch.get_num_threads(), query.shape[-1] ** -0.5
    size = max(threads, threads * _SCORES_AT_ONCE // (queries.shape[1] * len(hidden)))
    for start in range(0, queries.shape[0], size):
        part = slice(start, start + size)
        scores = torch.baddbmm(hidden, queries[part], keys[part].mT, alpha=scale, beta=int(excess > 0))
        torch.bmm(torch.softmax(scores, dim=-1), values[part], out=out[part])
    return out.unflatten(0, query.shape[:2])


def uses_plain_products(query: Tensor) -> bool:
    """Whether attention for `query` is computed as products: in bf16 on a CPU without AMX, no gradients recorded."""
    return (
        query.device.type == "cpu"
        and query.dtype == torch.bfloat16
        and query.shape[2] >= _FEWEST_QUERIES
        and not torch.is_grad_enabled()
        and not has_bf16_tiles()
    )


@cache
def has_bf16_tiles() -> bool:
    """Whether this CPU has tiles for bfloat16 products (AMX), which torch's flash kernel uses."""
    check = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(check()) if callable(check) else False
