"""Cancels a network within its forward and backward pass, by hooks at each of its modules."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

_INTERVAL_S = 0.1


@contextmanager
def interruptible(network: nn.Module, check: Callable[[], None]) -> Iterator[None]:
    """Inside, `check` is called before modules of `network` run, at most ten times a second; what it raises ends it.

    A pass back through what was run inside is checked where it leaves a module. Only the thread that asked is stopped:
    the same network may be running in another one. What torch.compile traces has no checks in it.
    """
    import torch

    due = ThrottledCheck(check)
    owner = threading.get_ident()

    def before(module: nn.Module, inputs: Any) -> None:
        if not torch.compiler.is_compiling() and threading.get_ident() == owner:
            due()
            for tensor in inputs if torch.is_grad_enabled() else ():
                # A leaf outlives the pass, and would collect hooks.
                if isinstance(tensor, torch.Tensor) and tensor.grad_fn is not None:
                    tensor.register_hook(backward)

    def backward(gradient: Any) -> None:
        due()

    hooks = [module.register_forward_pre_hook(before) for module in network.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class ThrottledCheck:
    """Calls through to `check`, but not more often than ten times a second."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._last_s = float("-inf")

    def __call__(self) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _INTERVAL_S:
            self._last_s = now_s
            self._check()
