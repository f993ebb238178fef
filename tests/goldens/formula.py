"""Weights and sounds by formula, a hash of rank and index, which need no file."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

_TOKENS = ("OFF_tok", "MOD_tok", "pos_emb", "_token", "pos_embed", "position_embeddings", "bias_k", "bias_v")


def formula_weights(model: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """The state dict of `model` by formula, every key by its rank among all of them, sorted; whole numbers stay.

    Tokens and positions 0.3 z, biases 0.05 z, running means 0.1 z; vectors, running variances and single numbers
    1 + 0.1 z; matrices and kernels sqrt(1.5 / fan in) z.
    """
    weights = {}
    for rank, (name, tensor) in enumerate(sorted(model.state_dict().items())):
        if tensor.is_floating_point():
            drawn = noise(rank, tensor.numel(), seed).reshape(tensor.shape)
            tensor = torch.from_numpy(np.asarray(_scaled(name, drawn), dtype=np.float32))
        weights[name] = tensor
    return weights


def noise(rank: int, count: int, seed: int) -> np.ndarray:
    """`count` numbers of unit variance between -1.73 and 1.73, float64."""
    start = (rank * 1442695040888963407 + seed) % 2**64
    x = np.arange(count, dtype=np.uint64) * np.uint64(6364136223846793005) + np.uint64(start)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    return ((x >> np.uint64(40)).astype(np.float64) / 2**23 - 1) * 1.7320508


def _scaled(name: str, drawn: np.ndarray) -> np.ndarray:
    if name.endswith(_TOKENS):
        return 0.3 * drawn
    if name.endswith("bias"):
        return 0.05 * drawn
    if name.endswith("running_mean"):
        return 0.1 * drawn
    if drawn.ndim <= 1:
        return 1 + 0.1 * drawn
    return np.sqrt(1.5 / np.prod(drawn.shape[1:])) * drawn
