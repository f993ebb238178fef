"""Progress of a run as a node shows it: bar, stage, time left, notes, written text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from deepsound.runtime.progress import ProgressEvent

BAR_STEPS = 200
_LINE_EVERY_S = 0.5
# The time left is estimated only after this many seconds and this share of the work.
_ESTIMATE_AFTER_S = 2.0
_ESTIMATE_FROM_SHARE = 0.03
_MOST_WRITTEN = 20_000


class NodeListener:
    """Turns events into the node's messages: the bar when it visibly moves, the line at most twice a second.

    `show_text` writes below the node. With `show_written` what an engine writes goes there instead, as the whole text
    so far and the line beside it, for a panel that shows both. `notes` are the sentences that belong to the result,
    `results` a line for each finished stage.
    """

    def __init__(
        self,
        bar: Any,
        show_text: Callable[[str], None],
        show_written: Callable[[str, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bar, self._show_text, self._show_written, self._clock = bar, show_text, show_written, clock
        self.notes: list[str] = []
        self.results: list[str] = []
        self._notes: list[str] = []
        self._written: list[str] = []
        self._stage: str | None = None
        self._fraction: float | None = None
        self._created_s = self._began_s = self._shown_s = clock()
        self._bar_step = -1

    def __call__(self, event: ProgressEvent) -> None:
        enters = event.stage != self._stage
        if enters:
            self._stage, self._fraction, self._began_s = event.stage, None, self._clock()
        if event.fraction is not None:
            self._move(event.fraction)
        if event.text:
            self._collect(event)
        is_news = bool(event.text) or (enters and bool(event.stage)) or event.fraction == 1.0
        if is_news or self._clock() - self._shown_s >= _LINE_EVERY_S:
            self._show(ended=event.seconds is not None)

    def _move(self, fraction: float) -> None:
        if self._fraction is not None and fraction < self._fraction:
            # A stage's next round: the last one's pace says nothing about it.
            self._began_s = self._clock()
        self._fraction = fraction
        step = int(fraction * BAR_STEPS)
        if step != self._bar_step:
            self._bar_step = step
            self._bar.update_absolute(step, BAR_STEPS)

    def _collect(self, event: ProgressEvent) -> None:
        if event.is_note:
            self.notes.append(event.text)
            self._notes.append(f"note: {event.text}")
        elif event.seconds is not None:
            self.results.append(f"{event.stage}: {event.text} ({event.seconds:.1f} s)")
            self._notes.append(self.results[-1])
        else:
            self._written.append(event.text.rstrip())

    def _show(self, ended: bool) -> None:
        self._shown_s = self._clock()
        line = "" if ended else self.line()
        if self._show_written is not None:
            self._show_written("\n".join(self._written)[-_MOST_WRITTEN:], line or (self._notes or [""])[-1])
            rows = [*self._notes, line]
        else:
            rows = [*self._notes, *self._written, line]
        self._show_text("\n".join(row for row in rows if row))

    @property
    def seconds(self) -> float:
        """How long the node has been running."""
        return self._clock() - self._created_s

    def line(self) -> str:
        """Such as "generate · 45% · 12 s left"; the time left only once it can be estimated."""
        if self._fraction is None:
            return self._stage or ""
        passed_s = self._clock() - self._began_s
        if self._fraction == 1.0:
            return f"{self._stage or 'work'} done in {passed_s:.1f} s"
        parts = [self._stage or "", f"{self._fraction:.0%}"]
        if passed_s >= _ESTIMATE_AFTER_S and _ESTIMATE_FROM_SHARE <= self._fraction < 1:
            parts.append(f"{duration(passed_s / self._fraction * (1 - self._fraction))} left")
        return " · ".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """A length of time as a person says it: 12 s, 3 min, 1 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
