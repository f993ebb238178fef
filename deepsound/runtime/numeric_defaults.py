"""torch's and NumPy's own defaults, for work inside a host program that has set others.

Networks and measurements are written for float32 on the CPU unless they say otherwise, without autocast, and for
NumPy's own handling of rounding to zero; a notebook or a trainer around them may have changed any of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class _DefaultType:
    """torch's default floating type: float32 while any thread works, the host's again after the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._working = 0
        self._of_host: torch.dtype | None = None

    @contextmanager
    def float32(self) -> Iterator[None]:
        import torch

        with self._lock:
            if self._working == 0:
                self._of_host = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1
                of_host = None if self._working else self._of_host
                torch.set_default_dtype(of_host or torch.float32)


_default_type = _DefaultType()


@contextmanager
def numeric_defaults() -> Iterator[None]:
    """float32, the CPU, no autocast and NumPy's own error handling inside; the host's choices again afterwards.

    What is changed inside (by a plug-in, say) is undone as well. Also a decorator. torch has one default floating type
    for the whole process, so the host's other threads see float32 meanwhile; everything else is this thread's own.
    """
    with ExitStack() as stack:
        # A host that has not imported a library cannot have changed it.
        if "numpy" in sys.modules:
            import numpy as np

            stack.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if "torch" in sys.modules:
            stack.enter_context(_torch_defaults())
        yield


@contextmanager
def _torch_defaults() -> Iterator[None]:
    import torch

    device = torch.get_default_device()
    try:
        with ExitStack() as stack:
            stack.enter_context(_default_type.float32())
            stack.enter_context(torch.set_grad_enabled(torch.is_grad_enabled()))
            if device.type != "cpu":
                stack.enter_context(torch.device("cpu"))
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        if torch.get_default_device() != device:
            torch.set_default_device(device)
