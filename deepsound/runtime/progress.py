"""Progress and cancellation: engines report and check here, the caller listens.

Hosts pass `on_event` to show progress and `check` to stop: `check` raises to end the run, either Cancelled or the
host's own interruption. Every engine calls `check()` (or `update()`, which does) at least once a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from deepsound.errors import Cancelled

T = TypeVar("T")


@dataclass(frozen=True)
class ProgressEvent:
    """A report: the stage's name, its `fraction` done from 0 to 1 (None when unknown) and text the engine wrote.

    The last event of a stage carries `seconds`, how long it took, and in `text` what came of it. `is_note` marks text
    about the result that a person must see: what was ignored, replaced or could not be had.
    """

    stage: str
    fraction: float | None = None
    text: str = ""
    seconds: float | None = None
    is_note: bool = False


class CancelToken:
    """A flag any thread can set; pass its `check` to Progress."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        if self._event.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Progress:
    """Carries reports out of the work and cancellation into it; `Progress()` is silent and never cancels."""

    on_event: Callable[[ProgressEvent], None] = lambda event: None
    check: Callable[[], None] = lambda: None
    stage: str = ""

    def at(self, stage: str) -> Progress:
        """The same listener under another stage name; announces the stage at once."""
        named = replace(self, stage=stage)
        named.update(0.0)
        return named

    def update(self, fraction: float | None) -> None:
        """Report the share done, 0 to 1, after giving the host the chance to cancel."""
        self.check()
        self.on_event(ProgressEvent(self.stage, None if fraction is None else min(max(fraction, 0.0), 1.0)))

    def say(self, text: str) -> None:
        """Pass on text as it is written (a reasoner's sections, say)."""
        self.check()
        self.on_event(ProgressEvent(self.stage, None, text))

    def note(self, text: str) -> None:
        """Report what of the request was not used, or what became of it otherwise; kept with the run's result."""
        self.check()
        self.on_event(ProgressEvent(self.stage, None, text, is_note=True))

    def finish(self, text: str, seconds: float) -> None:
        """Report that the stage is done, what came of it and how long it took, in seconds."""
        self.on_event(ProgressEvent(self.stage, 1.0, text, seconds))

    def part(self, begin: float, end: float) -> Progress:
        """The same listener for a part of the work: its fractions 0 to 1 are reported as `begin` to `end`."""

        def scaled(event: ProgressEvent) -> None:
            fraction = None if event.fraction is None else begin + (end - begin) * event.fraction
            self.on_event(replace(event, fraction=fraction))

        return replace(self, on_event=scaled)

    def track(self, items: Iterable[T], total: int) -> Iterator[T]:
        """Yield `items`, reporting after each and checking for cancellation before each."""
        for done, item in enumerate(items):
            self.update(done / max(total, 1))
            yield item
        self.update(1.0)
