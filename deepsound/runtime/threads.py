"""Torch thread count: one thread where torch's own choice is slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside, the host's number again afterwards.

    A network of many tiny steps only waits for its helpers: silero-vad on 10 s took 0.37 s with one thread and 4.3 s
    with two on a busy machine of two cores.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
