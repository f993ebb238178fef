"""Best-of-N generation within a run: several takes of a request, the best is passed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deepsound.choices import PICKS, option
from deepsound.errors import InputError
from deepsound.rank.limits import MOST_TAKES
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.runtime.seeds import consecutive_seeds
from deepsound.types import Audio, GenerationRequest

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.rank.ranking import Ranking

# Ranking is a small part of what the takes cost.
_MAKING_SHARE = 0.9

Make = Callable[[GenerationRequest, Progress], Audio]


@dataclass(frozen=True)
class TakeOptions:
    """How many takes are made of a request, from `seed`, `seed` + 1, ..., and by what the best is picked."""

    count: int = 1
    pick: str = "auto"

    def check(self, clip: Clip, execution: Execution) -> None:
        """Raise, before any work, InputError for a count or pick of no use, EngineError where weights lack."""
        option("pick", self.pick, PICKS)
        if not 1 <= self.count <= MOST_TAKES:
            raise InputError(f"takes: expected a number from 1 to {MOST_TAKES}, got {self.count}; choose another one.")
        if self.count > 1:
            from deepsound.rank.ranking import check_pick

            check_pick(self.pick, clip, execution)


@dataclass(frozen=True)
class PickedTake:
    """The sound that goes on, the request with its seed, and the ranking of all takes (None for a single one)."""

    audio: Audio
    request: GenerationRequest
    ranking: Ranking | None = None

    @property
    def note(self) -> str:
        """Which take it is, in a few words; empty for a single one."""
        if self.ranking is None:
            return ""
        return f"take {self.ranking.best + 1} of {len(self.ranking.takes)} (seed {self.request.seed})"


def best_of(
    make: Make,
    request: GenerationRequest,
    clip: Clip,
    options: TakeOptions = TakeOptions(),
    execution: Execution = Execution(),
    progress: Progress = Progress(),
) -> PickedTake:
    """Make `options.count` takes and pick one; a single take is `make(request)` and is not measured."""
    if options.count == 1:
        return PickedTake(make(request, progress), request)
    # Measures of sounds and pictures, which a single take needs none of.
    from deepsound.rank.ranking import rank_takes

    takes: list[Audio] = []
    requests = [replace(request, seed=seed) for seed in consecutive_seeds(request.seed, options.count)]
    for number, one in enumerate(requests):
        begin, end = (_MAKING_SHARE * place / options.count for place in (number, number + 1))
        progress.update(begin)
        takes.append(make(one, progress.part(begin, end)))
        if number == 1 and takes[0].is_same(takes[1]):
            progress.note("This generator makes the same sound for every seed, so that one take was made.")
            return PickedTake(takes[0], request)
    seeds = [one.seed for one in requests]
    ranking = rank_takes(takes, clip, options.pick, seeds, execution, progress.part(_MAKING_SHARE, 1.0))
    for note in ranking.notes:
        progress.note(note)
    return PickedTake(takes[ranking.best], requests[ranking.best], ranking)
