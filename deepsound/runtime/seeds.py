"""The range of seeds, which is ComfyUI's and torch's: 64 bits without a sign."""

from __future__ import annotations

from operator import index

from deepsound.errors import InputError

LARGEST_SEED = 2**64 - 1
# The same 64 bits read with a sign, as torch reads them: -1 is 2^64 - 1. `draft` has always taken such seeds.
SMALLEST_SEED = -(2**63)
EXPECTED = f"a seed from 0 to {LARGEST_SEED}"


def check_seed(seed: object) -> None:
    """Raise InputError unless `seed` is a whole number from 0 to 2^64 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"expected a seed from 0 to {LARGEST_SEED}, got {seed!r}; choose another one.")


def is_seed(seed: int) -> bool:
    """Whether a whole number can be a run's seed: 64 bits, with or without a sign."""
    return SMALLEST_SEED <= seed <= LARGEST_SEED


def unsigned_seed(seed: int) -> int:
    """A run's seed as the generators take it, 0 to 2^64 - 1; a negative one is read as the same 64 bits."""
    return seed % (LARGEST_SEED + 1)


def seed_note(seed: int) -> str:
    """What a person should know of a negative seed; empty for others."""
    return f"The seed {seed} is used as {unsigned_seed(seed)}, which is the same 64 bits." if seed < 0 else ""


def consecutive_seeds(seed: int, count: int) -> tuple[int, ...]:
    """The seeds of so many takes: `seed`, the next one, and so on; 0 comes after the largest."""
    seeds = (index(seed) + number for number in range(count))
    return tuple(each if each <= LARGEST_SEED else unsigned_seed(each) for each in seeds)
