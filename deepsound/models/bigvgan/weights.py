"""The three forms in which vocoder weights are published, brought to one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# A weight v of size g: torch's older names and those of its parametrisations. Without either, it is folded already.
_PAIRS = ((".weight_g", ".weight_v"), (".parametrizations.weight.original0", ".parametrizations.weight.original1"))


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state` with every weight-normalised pair multiplied out, in float32, to a plain `.weight`; the rest as it is.

    Raises ValueError for a pair with one half missing.
    """
    folded = dict(state)
    for ends in _PAIRS:
        for layer in sorted({name.removesuffix(end) for end in ends for name in state if name.endswith(end)}):
            missing = [layer + end for end in ends if layer + end not in state]
            if missing:
                raise ValueError(f"The vocoder's weights lack {missing[0]}, the other half of a weight-normalised "
                                 "pair; the file is not complete.")
            size, direction = (folded.pop(layer + end).float() for end in ends)
            folded[layer + ".weight"] = _fold(size, direction)
    return folded


def _fold(size: Tensor, direction: Tensor) -> Tensor:
    # One size per first dimension: output channels, but input channels of a transposed convolution.
    norm = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.dim())), keepdim=True)
    return direction * (size / norm)
