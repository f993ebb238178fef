"""The report of a calibration: figures by judge as JSON, a table and a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from deepsound.calibrate.agreement import accuracy_by, cohens_kappa
from deepsound.calibrate.run import JudgeAnswer
from deepsound.evaluate.chart import Bar, Panel, draw_panels
from deepsound.runtime.json_schemas import versioned
from deepsound.types import Verdict

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class JudgeFigures:
    """One judge on the clips it could judge: `by_category` has right verdicts and clips of each label.

    An undecided answer is not right. `category_accuracy` is the share whose category, too, is the label; None where
    the judge names none. `kappa` is Cohen's with the labels, on verdicts.
    """

    judge: str
    clips: int
    failed: tuple[str, ...]
    accuracy: float | None
    by_category: Mapping[str, tuple[int, int]]
    category_accuracy: float | None
    undecided: int
    kappa: float | None
    seconds_per_clip: float | None
    peak_gb: float | None


@dataclass(frozen=True)
class Calibration:
    """All judges' figures, and Cohen's kappa of each two of them on the clips that both could judge."""

    figures: tuple[JudgeFigures, ...]
    between: Mapping[tuple[str, str], float | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        rows = [{"judges": list(pair), "kappa": kappa} for pair, kappa in self.between.items()]
        return versioned("calibration", {"judges": [asdict(one) for one in self.figures], "between": rows})

    def to_markdown(self) -> str:
        """A table of judges, and one of pairs where there are several."""
        categories = list(dict.fromkeys(name for one in self.figures for name in one.by_category))
        head = ["judge", "clips", "accuracy", *categories, "category", "undecided", "kappa", "s per clip", "peak GB"]
        rows = [
            [
                one.judge,
                f"{one.clips}" + (f" ({len(one.failed)} failed)" if one.failed else ""),
                _share(one.accuracy),
                *(_of(one.by_category.get(name)) for name in categories),
                _share(one.category_accuracy),
                f"{one.undecided}",
                _number(one.kappa),
                _number(one.seconds_per_clip),
                _number(one.peak_gb),
            ]
            for one in self.figures
        ]
        pairs = [[" and ".join(pair), _number(kappa)] for pair, kappa in self.between.items()]
        return _table(head, rows) + (f"\n{_table(['judges', 'kappa'], pairs)}" if pairs else "")

    def chart(self) -> np.ndarray:
        """Accuracy by category, a panel per judge, and kappa with the labels, uint8 [height, width, 3]."""
        panels = [
            Panel(
                f"right verdicts: {one.judge}",
                tuple(
                    Bar(name, hits / count, f"{hits} of {count}", _colour(number))
                    for name, (hits, count) in one.by_category.items()
                ),
                full=1.0,
            )
            for number, one in enumerate(self.figures)
        ]
        kappas = tuple(
            Bar(one.judge, one.kappa, f"{one.kappa:.2f}", _colour(number))
            for number, one in enumerate(self.figures)
            if one.kappa is not None
        )
        return draw_panels("judges on labelled clips", [*panels, Panel("Cohen's kappa with the labels", kappas, 1.0)])


def calibration(answers: Mapping[str, Sequence[JudgeAnswer]]) -> Calibration:
    """The figures of each judge's answers, all to the same clips in the same order."""
    pairs = {
        (first, second): _kappa_between(answers[first], answers[second]) for first, second in combinations(answers, 2)
    }
    return Calibration(tuple(_figures(name, found) for name, found in answers.items()), pairs)


def _figures(name: str, answers: Sequence[JudgeAnswer]) -> JudgeFigures:
    judged = [answer for answer in answers if not answer.error]
    right = [answer.verdict is answer.clip.verdict for answer in judged]
    named = [answer.category.lower() == answer.clip.category.lower() for answer in judged if answer.category]
    peaks = [answer.peak_bytes for answer in judged if answer.peak_bytes is not None]
    return JudgeFigures(
        name,
        len(judged),
        tuple(f"{answer.clip.path.name}: {answer.error}" for answer in answers if answer.error),
        _mean(right),
        accuracy_by([answer.clip.category for answer in judged], right),
        _mean(named),
        sum(answer.verdict is Verdict.UNDECIDED for answer in judged),
        cohens_kappa([answer.verdict for answer in judged], [answer.clip.verdict for answer in judged]),
        _mean([answer.seconds for answer in judged]),
        max(peaks) / 1e9 if peaks else None,
    )


def _kappa_between(first: Sequence[JudgeAnswer], second: Sequence[JudgeAnswer]) -> float | None:
    both = [(a.verdict, b.verdict) for a, b in zip(first, second, strict=True) if not (a.error or b.error)]
    return cohens_kappa([a for a, _ in both], [b for _, b in both])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _of(hits_of: tuple[int, int] | None) -> str:
    return "" if hits_of is None else f"{hits_of[0]} of {hits_of[1]}"


def _colour(number: int) -> tuple[int, int, int]:
    colours = ((150, 205, 250), (248, 146, 70), (170, 220, 150), (220, 140, 200), (252, 208, 110))
    return colours[number % len(colours)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
