"""Ranking of takes: audible before silent, voice-free first, then sync, then meaning.

Each criterion is a number from 0 to 1 that depends on its take alone, never on the others: a worse take that is added
changes nothing about who wins. A coarser criterion outweighs all that come after it, by the weights in `WEIGHTS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepsound.choices import PICKS, option
from deepsound.errors import EngineError, InputError
from deepsound.media.clip import Clip
from deepsound.rank.limits import MOST_TAKES
from deepsound.rank.measurements import TakeFigures, TakeMeter
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

# One step of a criterion is worth more than everything after it: 2041 / 20 > 101 + 1 and 101 / 100 > 1.
WEIGHTS = {"voice": 2041.0, "sync": 101.0, "ib": 1.0}
STEPS = {"voice": 20, "sync": 100}
ORDERS = {"auto": ("voice", "sync", "ib"), "voice": ("voice",), "sync": ("sync",), "ib": ("ib",)}
# Offsets beyond are all alike: Synchformer's head knows none.
LARGEST_OFFSET_S = 2.0


@dataclass(frozen=True)
class RankedTake:
    """One take: its `seed` (None: not known), what was measured, and its `score`, 0 to 1, or -1 for a silent one."""

    seed: int | None
    figures: TakeFigures
    score: float


@dataclass(frozen=True)
class Ranking:
    """The takes in the order they were made, and which of them is the best; `sync_by` is what sync was judged by."""

    takes: tuple[RankedTake, ...]
    best: int
    pick: str
    sync_by: str
    notes: tuple[str, ...] = ()

    def records(self, chosen: int | None = None) -> list[dict[str, Any]]:
        """The takes as plain data, for records; `chosen` is the one that was taken, where not the best."""
        taken = self.best if chosen is None else chosen
        return [_record(take, number == taken, number == self.best) for number, take in enumerate(self.takes)]

    def table(self, chosen: int | None = None) -> str:
        """The figures as lines of text, a take each, the one that was taken marked with *."""
        head = ("take", "seed", "score", "LUFS", "voice", "sync", "AV-Align", "DeSync", "IB")
        rows = [head, *(_row(number, take) for number, take in enumerate(self.takes))]
        if all(take.seed is None for take in self.takes):
            rows = [(row[0], *row[2:]) for row in rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        taken = self.best if chosen is None else chosen
        lines = []
        for number, row in enumerate(rows, start=-1):
            cells = "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"{'*' if number == taken else ' '} {cells}")
        return "\n".join([*lines, f"Sync by {self.sync_by}.", *self.notes])


def rank_takes(
    takes: Sequence[Audio],
    clip: Clip,
    pick: str = "auto",
    seeds: Sequence[int] | None = None,
    execution: Execution = Execution(),
    progress: Progress = Progress(),
) -> Ranking:
    """Measure the takes of a clip and find the best by `pick` ("auto", "voice", "sync", "ib"); ties: the lowest seed.

    `seeds` are those of the takes, in the record and the table; without them ties go to the first take.
    Raises InputError for no take, more than 64, or an unknown `pick`, EngineError where `pick` needs what is not at
    hand.
    """
    check_pick(pick, clip, execution)
    if not 1 <= len(takes) <= MOST_TAKES:
        raise InputError(f"expected 1 to {MOST_TAKES} takes, got {len(takes)}; make fewer.")
    numbers: list[int | None] = [None] * len(takes) if seeds is None else list(seeds)
    meter = TakeMeter(clip, execution, progress, wanted="IB" if pick == "ib" else "")
    figures = meter.measure(takes)
    if pick == "voice" and all(one.voice_rate is None for one in figures):
        raise EngineError(" ".join(meter.notes))
    by_desync = figures[0].desync_s is not None
    ranked = tuple(RankedTake(seed, one, score_of(one, pick)) for seed, one in zip(numbers, figures, strict=True))
    best = max(range(len(ranked)), key=lambda index: (ranked[index].score, -(ranked[index].seed or 0), -index))
    sync_by = "DeSync (Synchformer)" if by_desync else "onsets at visible impacts (a form of AV-Align)"
    return Ranking(ranked, best, pick, sync_by, tuple(meter.notes))


def check_pick(pick: str, clip: Clip, execution: Execution = Execution()) -> None:
    """Raise InputError for an unknown `pick`, and EngineError for "ib" where ImageBind is not installed."""
    option("pick", pick, PICKS)
    if pick == "ib" and (absent := TakeMeter(clip, execution, wanted="IB").absence_reason("IB")):
        raise EngineError(f"pick: expected the weights of ImageBind for {pick!r}, got none: {absent}")


def score_of(figures: TakeFigures, pick: str = "auto") -> float:
    """The weighted criteria of one take as one number, 0 to 1; -1 for a silent take."""
    if figures.is_silent:
        return -1.0
    *coarse, last = ORDERS[pick]
    total = sum(WEIGHTS[name] * _in_steps(criterion(name, figures), STEPS[name]) for name in coarse)
    total += WEIGHTS[last] * criterion(last, figures)
    return total / sum(WEIGHTS[name] for name in ORDERS[pick])


def criterion(name: str, figures: TakeFigures) -> float:
    """One criterion of a take, 0 to 1, larger is better; 0 where it was not measured."""
    if name == "voice":
        return 0.0 if figures.voice_rate is None else 1.0 - min(max(figures.voice_rate, 0.0), 1.0)
    if name == "ib":
        return min(max((figures.ib or 0.0) / 100, 0.0), 1.0)
    if figures.desync_s is None:
        return figures.sync.score
    return 1.0 - min(figures.desync_s, LARGEST_OFFSET_S) / LARGEST_OFFSET_S


def _in_steps(value: float, steps: int) -> float:
    # The hair keeps 0.29 * 100 from being 28.999; only 1 itself is the top step, so that any voice counts.
    return math.floor(value * steps + 1e-9) / steps if value < 1 - 1e-12 else 1.0


def _record(take: RankedTake, chosen: bool, best: bool) -> dict[str, Any]:
    figures = take.figures
    return {
        "seed": take.seed,
        "chosen": chosen,
        "best": best,
        "score": round(take.score, 6),
        "is_silent": figures.is_silent,
        "lufs": figures.lufs,
        "voice_rate": figures.voice_rate,
        "sync": figures.sync.score,
        "onsets": figures.sync.onsets,
        "impacts": figures.sync.impacts,
        "pairs": figures.sync.pairs,
        "av_align": figures.av_align,
        "desync_s": figures.desync_s,
        "ib": figures.ib,
    }


def _row(number: int, take: RankedTake) -> tuple[str, ...]:
    figures = take.figures

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        str(number + 1),
        "-" if take.seed is None else str(take.seed),
        "silent" if figures.is_silent else f"{take.score:.3f}",
        text(figures.lufs, ".1f"),
        text(figures.voice_rate, ".0%"),
        f"{figures.sync.score:.2f}",
        text(figures.av_align, ".2f"),
        text(figures.desync_s, ".2f"),
        text(figures.ib, ".1f"),
    )
