"""Splits of a data set by source clip: what comes of one clip never stands in two splits."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping

from deepsound.errors import InputError
from deepsound.train.cot_items import SPLITS

# VGGSound and AudioSet name a clip by its video and where it begins: several clips may be of one video.
_START_IN_NAME = re.compile(r"_\d{6}$|_\d+(?:\.\d+)?_\d+(?:\.\d+)?$")


def source_of(stem: str) -> str:
    """The video that a clip of that name was cut from."""
    return _START_IN_NAME.sub("", stem) or stem


def check_shares(text: str) -> tuple[float, float, float]:
    """The shares of train, validation and test, of "0.9,0.05,0.05".

    Raises InputError unless they are three, of 0 or more, and make 1.
    """
    try:
        shares = [float(share) for share in text.split(",")]
    except ValueError:
        shares = []
    are_shares = len(shares) == len(SPLITS) and all(0 <= share <= 1 for share in shares)
    if not are_shares or abs(sum(shares) - 1) > 1e-6 or shares[0] == 0:
        raise InputError(
            f"expected three shares for {', '.join(SPLITS)} that make 1, as in 0.9,0.05,0.05, got "
            f"{text!r}; correct --split."
        )
    return shares[0], shares[1], shares[2]


def split_sources(categories: Mapping[str, str], shares: tuple[float, float, float]) -> dict[str, str]:
    """The split of each source by its category, the shares kept within each category as far as whole sources allow.

    The order within a category is that of a digest of the name: it does not depend on which other clips there are.
    """
    by_category: dict[str, list[str]] = defaultdict(list)
    for source, category in categories.items():
        by_category[category].append(source)
    found = {}
    for sources in by_category.values():
        ordered = sorted(sources, key=lambda name: hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())
        held_out = [round(share * len(ordered)) for share in shares[1:]]
        edges = [held_out[0], sum(held_out)]
        for place, source in enumerate(ordered):
            found[source] = SPLITS[1] if place < edges[0] else SPLITS[2] if place < edges[1] else SPLITS[0]
    return found
