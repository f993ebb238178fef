"""Accuracy by category, and Cohen's kappa (Cohen 1960) of two raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """(observed - expected agreement) / (1 - expected); None without items, or where chance alone agrees wholly.

    Raises ValueError for sequences of different lengths.
    """
    count = len(first)
    if not count:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    ones, others = Counter(first), Counter(second)
    expected = sum(ones[item] * others[item] for item in ones) / count**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def accuracy_by(groups: Sequence[str], right: Sequence[bool]) -> dict[str, tuple[int, int]]:
    """How many are right, and of how many, by group in the order in which groups come."""
    found: dict[str, tuple[int, int]] = {}
    for group, is_right in zip(groups, right, strict=True):
        hits, count = found.get(group, (0, 0))
        found[group] = (hits + is_right, count + 1)
    return found
