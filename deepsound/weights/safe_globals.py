"""Checkpoints with numpy's arrays beside their tensors: trainers of before 2020 saved what they sampled along.

An array is numbers, as a tensor is. What rebuilds one is let through by name, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NUMBERS = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
# numpy 2 has moved these; files written under either name are read under either.
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_FIRST_WITH_NAMES = (2, 6)


def are_possible() -> bool:
    """Whether this torch can let a function through under a name that is not its own."""
    import torch

    major, minor = torch.__version__.split(".")[:2]
    return (int(major), int(minor)) >= _FIRST_WITH_NAMES


@contextmanager
def let_through() -> Iterator[None]:
    """Inside, `torch.load` with `weights_only` reads arrays and numbers of numpy's too, of no other kind of object."""
    import torch

    with torch.serialization.safe_globals(_allowed()):
        yield


def _allowed() -> list[Any]:
    import numpy as np

    rebuild: dict[str, Any] = {"_reconstruct": np.zeros(1).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
    named = [(function, f"{module}.{name}") for module in _MODULES for name, function in rebuild.items()]
    return [*named, np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in _NUMBERS)]
