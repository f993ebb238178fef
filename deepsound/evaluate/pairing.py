"""Pairs of generated and reference clips, matched by file name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# What published pipelines add to VGGSound's and AudioCaps' ids, by the length of the whole name: numbers before it,
# one or two characters after it.
_CLEAN_UPS = {30: slice(10, 28), 20: slice(0, 18), 21: slice(1, 19), 18: slice(0, 18)}


@dataclass(frozen=True)
class ClipPairs(Generic[T]):
    """The pairs by name in the predictions' order, and the names that only one side has, sorted."""

    pairs: Mapping[str, tuple[T, T]]
    only_predicted: tuple[str, ...]
    only_reference: tuple[str, ...]


def pair(predicted: Mapping[str, T], reference: Mapping[str, T]) -> ClipPairs[T]:
    """(predicted, reference) for every name that both have."""
    return ClipPairs(
        {name: (predicted[name], reference[name]) for name in predicted if name in reference},
        tuple(sorted(predicted.keys() - reference.keys())),
        tuple(sorted(reference.keys() - predicted.keys())),
    )


def clean_name(name: str) -> str:
    """The id within a name of a published evaluation set, chosen by the name's length alone, as av-benchmark does.

    A name of 20 characters that has nothing to do with those sets loses its last two; hence it is done when asked for.
    """
    return name[_CLEAN_UPS[len(name)]] if len(name) in _CLEAN_UPS else name
