"""Review of a data set: decisions on labels, reviewers' agreement, CSV in and out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from deepsound.calibrate.agreement import cohens_kappa
from deepsound.errors import InputError
from deepsound.media.files import atomic_write
from deepsound.runtime.paths import escaped, is_file
from deepsound.train.cot_files import LINES, data_file, read_items, write_items
from deepsound.train.cot_items import CATEGORIES, CotItem, answer_of
from deepsound.train.item_checks import problem_of
from deepsound.train.run_folder import sole_writer

REVIEWS = "reviews.csv"
_COLUMNS = ("id", "reviewer", "category", "answer")


@dataclass(frozen=True)
class Decision:
    """What a reviewer says of a judgement: its category, and the answer's text."""

    id: str
    reviewer: str
    category: str
    answer: str


class Review:
    """A data set under review by one person; every decision is written at once, to reviews.csv and to the data set.

    Others may review it, and `train data` add to it, at the same time: what they wrote is read before each decision.
    Raises InputError for a folder without a data set, or one without judgements.
    """

    def __init__(self, folder: Path, reviewer: str) -> None:
        self._named, self.reviewer = data_file(folder), reviewer.strip() or "reviewer"
        self.folder = self._named.parent
        if self._named.name != LINES and is_file(self.folder / LINES):
            raise InputError(
                f"expected the data set's folder or its {LINES}, got {escaped(self._named)}, which is made from that; "
                "name the folder."
            )
        self.items = self._read()
        self.judgements = [item.id for item in self.items if item.task == "judge"]
        if not self.judgements:
            raise InputError(f"expected judgements to review in {escaped(folder)}, got none; label some clips first.")
        self.decisions = _read_decisions(self.folder / REVIEWS)
        own = {decision.id for decision in self.decisions if decision.reviewer == self.reviewer}
        self.position = next((at for at, id in enumerate(self.judgements) if id not in own), 0)

    @property
    def current(self) -> CotItem:
        """The judgement that is shown."""
        return next(item for item in self.items if item.id == self.judgements[self.position])

    @property
    def media(self) -> Path:
        return (self.folder / self.current.video).resolve()

    def move(self, by: int) -> None:
        """Show another judgement, `by` places on; beyond an end, the one there."""
        self.position = min(max(self.position + by, 0), len(self.judgements) - 1)

    def accept(self) -> None:
        """The label is right as it is."""
        self._decide(self.current.category, self.current.answer)

    def correct(self, category: str) -> None:
        """The label should be another category; the answer becomes the published wording of it."""
        if category not in CATEGORIES:
            raise InputError(f"expected a category of {', '.join(CATEGORIES)}, got {category!r}; choose one of them.")
        self._decide(category, answer_of(category))

    def edit(self, answer: str) -> None:
        """The answer should read so. Raises InputError, saying why, for one that cannot be learnt."""
        why = problem_of(replace(self.current, answer=answer))
        if why:
            raise InputError(f"expected an answer that can be learnt, got one of which {why}; correct it.")
        self._decide(self.current.category, answer)

    def progress(self) -> tuple[int, int]:
        """How many judgements this reviewer has decided on, and of how many."""
        own = {decision.id for decision in self.decisions if decision.reviewer == self.reviewer}
        return len(own & set(self.judgements)), len(self.judgements)

    def agreement(self) -> dict[tuple[str, str], tuple[float | None, int]]:
        """Cohen's kappa of each two reviewers on the categories of the items both have decided on, and how many."""
        by_reviewer: dict[str, dict[str, str]] = {}
        for decision in self.decisions:
            by_reviewer.setdefault(decision.reviewer, {})[decision.id] = decision.category
        found = {}
        for first, second in combinations(sorted(by_reviewer), 2):
            both = sorted(by_reviewer[first].keys() & by_reviewer[second].keys())
            pairs = [[by_reviewer[name][id] for id in both] for name in (first, second)]
            found[first, second] = (cohens_kappa(*pairs), len(both))
        return found

    def take_in(self, path: Path) -> int:
        """Take in decisions of a reviews.csv, of another reviewer or from a spreadsheet; returns how many.

        Raises InputError, naming the line, for an item that is not there, a category that does not exist, and an answer
        that cannot be learnt.
        """
        decisions = _read_decisions(path)
        if not decisions:
            raise InputError(f"expected decisions in {escaped(path)}, got none; name a reviews.csv.")
        judgements = {item.id: item for item in self.items if item.task == "judge"}
        taken = []
        for line, decision in enumerate(decisions, 2):
            if decision.id not in judgements or decision.category not in CATEGORIES:
                raise InputError(
                    f"{escaped(path)}, line {line}: expected a judgement of this data set and a category of "
                    f"{', '.join(CATEGORIES)}, got {decision.id!r} and {decision.category!r}; correct the line."
                )
            answer = decision.answer or answer_of(decision.category)
            why = problem_of(replace(judgements[decision.id], category=decision.category, answer=answer))
            if why:
                raise InputError(
                    f"{escaped(path)}, line {line}: expected an answer that can be learnt, got one of which {why}; "
                    "correct it, or leave it empty for the published wording."
                )
            taken.append(replace(decision, answer=answer))
        self._record(taken)
        return len(decisions)

    def _decide(self, category: str, answer: str) -> None:
        self._record([Decision(self.current.id, self.reviewer, category, answer)])

    def _record(self, decisions: Sequence[Decision]) -> None:
        """Put decisions to what is in the folder now, which others may have changed meanwhile, and write it.

        Raises InputError where an item is gone.
        """
        shown = self.current.id
        with sole_writer(self.folder):
            items = self._read()
            there = {item.id for item in items}
            gone = next((each.id for each in (*decisions, Decision(shown, "", "", "")) if each.id not in there), None)
            if gone is not None:
                raise InputError(
                    f"expected the item {gone!r} in {escaped(self.folder)}, got a data set that no longer has it; "
                    "start the review again."
                )
            self.items, self.decisions = items, _read_decisions(self.folder / REVIEWS)
            self.judgements = [item.id for item in items if item.task == "judge"]
            self.position = self.judgements.index(shown)
            for decision in decisions:
                self._keep(decision)
            self._write()

    def _read(self) -> list[CotItem]:
        """The data set as it is now; of VideoLLaMA2's own JSON the first decision makes one of this project's."""
        return read_items(self.folder if is_file(self.folder / LINES) else self._named)

    def _keep(self, decision: Decision) -> None:
        """A reviewer's later decision replaces the earlier one; the clip's other items share category and check."""
        key = (decision.id, decision.reviewer)
        self.decisions = [each for each in self.decisions if (each.id, each.reviewer) != key] + [decision]
        of = next(item for item in self.items if item.id == decision.id)
        self.items = [_reviewed(item, of, decision) for item in self.items]

    def _write(self) -> None:
        with atomic_write(self.folder / REVIEWS) as partial, partial.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            table.writerows((each.id, each.reviewer, each.category, each.answer) for each in self.decisions)
        write_items(self.items, self.folder)


def _reviewed(item: CotItem, of: CotItem, decision: Decision) -> CotItem:
    if item.video != of.video:
        return item
    if item.id == decision.id:
        return replace(item, category=decision.category, answer=decision.answer, checked=True)
    # Another judgement of the clip, as in another split, has its own review.
    return item if item.task == "judge" else replace(item, category=decision.category, checked=True)


def _read_decisions(path: Path) -> list[Decision]:
    if not is_file(path):
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Sequence[Mapping[str, str | None]] = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{escaped(path)} cannot be read as a table: {error}. Save it as CSV in UTF-8.") from error
    if rows and not {"id", "reviewer", "category"} <= rows[0].keys():
        raise InputError(
            f"{escaped(path)}: expected the columns {', '.join(_COLUMNS)}, got {', '.join(map(str, rows[0]))}; add "
            "what is missing."
        )
    return [
        Decision(row["id"] or "", row["reviewer"] or "reviewer", row["category"] or "", row.get("answer") or "")
        for row in rows
    ]
