"""Comparison of log-magnitude spectrograms that holds on every processor.

A transform in float32 is off by a share of a frame's largest magnitude, whatever the bin: sums in another order differ
by up to ARITHMETIC of it. The logarithm of a bin that is `c` times the largest is therefore off by ARITHMETIC / c: at a
clean 3e-6 a bin 80 dB below is off by 3 % although every processor is right. So magnitudes are compared with the
largest of their frame, to ARITHMETIC, and logarithms only in bins with ARITHMETIC / c <= tolerance, to the tolerance of
the component. Measured with every bin of every transform off by two units in the last place of its frame's largest:
magnitudes 1e-6, such logarithms a tenth of their tolerance, logarithms near the floor up to 0.03.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from tests.goldens.networks import ARITHMETIC

Row = tuple[str, Any, Any, float]


def compare(
    name: str,
    got: Tensor,
    expected: Tensor,
    tolerance: float,
    nats: Callable[[Tensor], Tensor],
    dim: int,
) -> Iterator[Row]:
    """A row for the magnitudes and one for the logarithms of them that are well conditioned.

    `nats` gives the natural logarithm of the magnitude, up to a constant, and is linear; `dim` is that of frequencies.
    """
    if got.shape != expected.shape:
        yield name, got, expected, tolerance
        return
    got, expected = got.double(), expected.double()
    loudest = nats(expected).amax(dim, keepdim=True)
    level = (nats(expected) - loudest).exp()
    yield f"{name} magnitudes", (nats(got) - loudest).exp(), level, ARITHMETIC
    nats_per_unit = float((nats(torch.ones(1)) - nats(torch.zeros(1))).abs())
    clear = level >= ARITHMETIC / (tolerance * nats_per_unit)
    yield name, torch.where(clear, got, expected), expected, tolerance
