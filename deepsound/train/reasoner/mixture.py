"""Sampler of the joint stage's mixture: items of both media, of sound and of picture alone.

Original: `videollama2_trainer.py`, for three files of data. It shuffles by a generator that it does not seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

GROUP: tuple[str, ...] = ("both", "both", "sound", "picture")


class MixtureSampler(Sampler[int]):
    """Indices into items of the kinds `media`; an epoch passes over all of one kind's once, as long as GROUP asks.

    That kind is "both", or, where there is none of it, whichever is there. Each kind is shuffled by `seed` in every
    pass over it; a kind with fewer items begins again, one with more goes on in the next epoch. A kind without items
    is left out of the groups.
    """

    def __init__(self, media: Sequence[str], seed: int) -> None:
        self.kinds = {kind: [at for at, each in enumerate(media) if each == kind] for kind in dict.fromkeys(GROUP)}
        self.group = tuple(kind for kind in GROUP if self.kinds[kind])
        lead = self.group[0]
        self.groups = -(-len(self.kinds[lead]) // self.group.count(lead))
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose order comes next, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.groups * len(self.group)

    def __str__(self) -> str:
        """How many items there are of each kind, and how many of each make a group."""
        counts = (f"{len(self.kinds[kind])} of {kind}" for kind in dict.fromkeys(self.group))
        return f"{', '.join(counts)}; of {len(self.group)} items in turn {', '.join(self.group)}"

    def __iter__(self) -> Iterator[int]:
        taken = {kind: self.epoch * self.groups * self.group.count(kind) for kind in self.group}
        orders: dict[tuple[str, int], Sequence[int]] = {}
        for _ in range(self.groups):
            for kind in self.group:
                yield self._item(kind, taken[kind], orders)
                taken[kind] += 1

    def _item(self, kind: str, place: int, orders: dict[tuple[str, int], Sequence[int]]) -> int:
        items = self.kinds[kind]
        again = place // len(items)
        if (kind, again) not in orders:
            rng = np.random.default_rng([self.seed, GROUP.index(kind), again])
            orders[kind, again] = rng.permutation(len(items)).tolist()
        return items[orders[kind, again][place % len(items)]]
