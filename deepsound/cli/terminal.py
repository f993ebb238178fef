"""Terminal output: a console that logs what it shows, bars, the time that is left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.errors import MarkupError
from rich.progress import (
    BarColumn,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from deepsound.cli.logs import is_verbose, shown

# When a stage whose end is not in sight is first spoken of, where there is no bar; then whenever that time has doubled.
_FIRST_ESTIMATE_S = 10.0
_TAG = re.compile(r"<[ \t]?(/?)[ \t]?(SUMMARY|CAPTION|REASONING|CONCLUSION)[ \t]?>[ \t]*", re.IGNORECASE)


class LoggedConsole(Console):
    """A rich console on stderr whose lines go into `--log-file` as well, `quiet` or not."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(stderr=True, quiet=quiet, highlight=False)

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **options)
        for line in objects:
            if isinstance(line, str):
                shown.info("%s", _plain(line).strip())

    @property
    def has_bars(self) -> bool:
        """Whether bars may be drawn: on a terminal, but not over log messages."""
        return self.is_terminal and not self.quiet and not is_verbose()


def bar_columns() -> tuple[ProgressColumn, ...]:
    """Columns of a progress bar: what is done, how much of it, the time it took and the time that is left."""
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )


class Estimates:
    """The time that a stage still takes, said now and then where no bar shows it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._stage, self._began, self._next_s = "", 0.0, _FIRST_ESTIMATE_S

    def line(self, stage: str, fraction: float) -> str:
        """As in "12 %, about 40 s left"; empty where nothing is to be said yet."""
        if stage != self._stage or fraction <= 0:
            self._stage, self._began, self._next_s = stage, self._now(), _FIRST_ESTIMATE_S
            return ""
        passed = self._now() - self._began
        if passed < self._next_s or fraction >= 1:
            return ""
        self._next_s = 2 * passed
        return f"{fraction:.0%}, about {duration_text(passed * (1 - fraction) / fraction)} left"


def duration_text(seconds: float) -> str:
    """A time for a person to read: 40 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def without_tags(text: str) -> str:
    """The reasoning's sections under names instead of the model's tags: `<CAPTION> A dog.` is "caption: A dog."."""
    return _TAG.sub(lambda tag: "" if tag[1] else f"{tag[2].lower()}: ", text).strip()


def _plain(markup: str) -> str:
    try:
        return Text.from_markup(markup).plain
    except MarkupError:
        return markup


class SharedNotes:
    """The notes of several clips: each text is shown with the first one, and with the others counted."""

    def __init__(self) -> None:
        self._clips: dict[str, set[str]] = {}
        self._first: dict[str, str] = {}

    def is_shown(self, text: str, clip: str) -> bool:
        """Whether to show the note now: no other clip had the same one before."""
        self._clips.setdefault(text, set()).add(clip)
        return self._first.setdefault(text, clip) == clip

    def lines(self) -> Iterator[str]:
        """A line for each note that further clips had as well."""
        for text, clips in self._clips.items():
            if (more := len(clips) - 1) > 0:
                yield f"{more} more {'clip' if more == 1 else 'clips'}, the same: {text}"
