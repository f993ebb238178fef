"""Tests of attention as plain products on a CPU."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from deepsound.models import cpu_attention


def heads(*shape: int) -> Tensor:
    """bf16 in the layout of packed projections, in which a head's numbers do not lie in a row."""
    batch, count, length, width = shape
    return torch.randn(batch, length, count, width).bfloat16().transpose(1, 2)


@pytest.fixture(autouse=True)
def without_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_attention, "has_bf16_tiles", lambda: False)


@torch.inference_mode()
@pytest.mark.parametrize("queries, keys", [(7, 7), (62, 62), (5, 300), (64, 33)])
def test_plain_products_give_torch_s_attention_within_bf16(queries: int, keys: int) -> None:
    torch.manual_seed(0)
    query, key, value = heads(2, 3, queries, 16), heads(2, 3, keys, 16), heads(2, 3, keys, 16)
    assert cpu_attention.uses_plain_products(query)
    expected = F.scaled_dot_product_attention(query.float(), key.float(), value.float())
    got = cpu_attention.scaled_dot_product_attention(query, key, value)
    assert got.dtype == torch.bfloat16
    # Scores of a standard normal are rounded by 2^-9 of up to 4, weights and the result by 2^-9 each.
    assert float((got.float() - expected).norm() / expected.norm()) < 8e-3


@torch.inference_mode()
def test_heads_are_attended_to_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = heads(3, 4, 40, 16), heads(3, 4, 40, 16), heads(3, 4, 40, 16)
    at_once = cpu_attention.scaled_dot_product_attention(query, key, value)
    monkeypatch.setattr(cpu_attention, "_SCORES_AT_ONCE", 5 * 40 * 64)
    assert torch.equal(cpu_attention.scaled_dot_product_attention(query, key, value), at_once)


@torch.inference_mode()
def test_float32_single_queries_and_causal_attention_are_torch_s_own() -> None:
    query, key, value = heads(1, 2, 9, 8), heads(1, 2, 9, 8), heads(1, 2, 9, 8)
    assert not cpu_attention.uses_plain_products(query.float())
    assert not cpu_attention.uses_plain_products(query[:, :, :1])
    expected = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert torch.equal(cpu_attention.scaled_dot_product_attention(query, key, value, is_causal=True), expected)
