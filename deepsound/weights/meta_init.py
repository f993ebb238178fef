"""Builds a network for its computed buffers alone, without initialising its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_DRAWING = frozenset(
    {
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        torch.Tensor.zero_,
        torch.Tensor.fill_,
        nn.init.kaiming_uniform_,
        nn.init.uniform_,
        nn.init.normal_,
        nn.init.constant_,
    }
)


class _Undrawn(TorchFunctionMode):
    """Leaves parameters as they were allocated: their pages are never touched, so they cost no memory either."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        drawn = args[0] if args else named.get("tensor")
        if func in _DRAWING and isinstance(drawn, nn.Parameter):
            return drawn
        return func(*args, **named)


@contextmanager
def real_buffers() -> Iterator[None]:
    """Modules built inside have real buffers, in host memory, and parameters without values. This thread only."""
    with torch.device("cpu"), _Undrawn():
        yield
