"""Check of a training run's seed."""

from __future__ import annotations

from deepsound.errors import InputError

# numpy's legacy generator, which transformers seeds too, takes 32 bits.
_LARGEST = 2**32 - 1


def check_seed(seed: int) -> None:
    """Raise InputError for a seed that not every library's generator takes."""
    if not 0 <= seed <= _LARGEST:
        raise InputError(f"expected a seed from 0 to {_LARGEST}, got {seed}; choose another one.")
