"""Gated MLPs (SwiGLU), w2(silu(w1 x) * w3 x); `w1` and `w3` run as one map, `w13`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.models.mmaudio.convolution import ChannelLastConv1d, EvenOddPairs
from deepsound.models.mmaudio.linear import Linear


class _GatedBase(nn.Module):
    w13: nn.Module
    w2: nn.Module

    def state_dict(self, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
        state = super().state_dict(*args, prefix=prefix, **kwargs)
        both = state.pop(f"{prefix}w13.weight")
        # Copies: files refuse tensors that share their memory.
        state[f"{prefix}w1.weight"], state[f"{prefix}w3.weight"] = (half.clone() for half in both.chunk(2))
        return state

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: Mapping[str, Any],
        *rest: Any,
    ) -> None:
        names = (f"{prefix}w1.weight", f"{prefix}w3.weight")
        # Half of a pair stays under its name, and is then reported as unexpected.
        if all(name in state_dict for name in names):
            state_dict[f"{prefix}w13.weight"] = torch.cat([state_dict.pop(name) for name in names])
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class GatedMlp(_GatedBase):
    """The MLP of each member of a sequence by itself."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w13 = Linear(width, 2 * inner, bias=False)
        self.w2 = Linear(inner, width, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        return self.w2(_swiglu(self.w13(sequence)))


class GatedConvMlp(_GatedBase):
    """The MLP with convolutions along the sequence for its linear maps."""

    def __init__(self, width: int, inner: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.w13: ChannelLastConv1d = ChannelLastConv1d(width, 2 * inner, kernel_size, bias=False)
        self.w2: ChannelLastConv1d = ChannelLastConv1d(inner, width, kernel_size, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        length = sequence.shape[1]
        if not self.w13.pairs(sequence):
            return self.w2(_swiglu(self.w13(sequence)))
        inner = EvenOddPairs(*_swiglu(self.w13.paired_output(EvenOddPairs.of(sequence))))
        if length % 2:
            inner.odd[:, -1] = 0.0  # behind the end, where the next convolution sees nothing
        return self.w2.interleaved_output(inner, length)


def _swiglu(both: Tensor) -> Tensor:
    gate, value = both.chunk(2, dim=-1)
    return F.silu(gate) * value
