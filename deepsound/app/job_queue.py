"""Runs from the page: one at a time, the others in line, each stopped within a second of being asked to."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from deepsound.app.request import Asked
from deepsound.app.results import leave, results_html
from deepsound.app.status_view import VERDICTS, Board
from deepsound.app.storage import AppFolder
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.outputs import Result
from deepsound.pipeline import Pipeline
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent

log = logging.getLogger(__name__)

_POLL_S = 0.1
_LONGEST_LINE = 8


@dataclass(frozen=True)
class Shown:
    """The page's three panels as HTML; `results` is None where it has not changed."""

    steps: str
    thought: str
    results: str | None = None


@dataclass(eq=False)
class _Ticket:
    """A place in the line; `events` are what the run reports, ending with None."""

    session: str
    token: CancelToken = field(default_factory=CancelToken)
    events: queue.SimpleQueue[ProgressEvent | None] = field(default_factory=queue.SimpleQueue)
    worker: threading.Thread | None = None
    result: Result | None = None
    error: Exception | None = None

    @property
    def is_at_work(self) -> bool:
        return self.worker is not None and self.worker.is_alive()


class Runs:
    """Everything the app runs; `follow` is called from many threads at once."""

    def __init__(self, folder: AppFolder, execution: Execution = Execution()) -> None:
        self._folder = folder
        self._execution = execution
        self._line: list[_Ticket] = []
        self._lock = threading.Lock()

    def follow(self, session: str, given: object, asked: Asked) -> Iterator[Shown]:
        """Run on an upload and yield what the page is to show, until the run is done, failed or cancelled."""
        board = Board("Starting.", "running")
        yield Shown(board.steps_html(), board.thought_html(), "")
        try:
            upload = self._folder.upload(given)
            with self._place_in_line(session) as ticket:
                yield from self._wait(ticket, board)
                with self._folder.new_run(upload) as (run_id, source):
                    yield from self._work(ticket, board, source, asked)
                    yield self._finished(ticket, board, run_id, source.parent)
        except Cancelled:
            yield self._ended(board, "cancelled", "Cancelled; nothing was left behind.")
        except DeepSoundError as error:
            yield self._ended(board, "failed", self._folder.without_places(str(error)))

    def cancel(self, session: str) -> bool:
        """Stop what a session runs or waits for; whether there was anything."""
        with self._lock:
            mine = [ticket for ticket in self._line if ticket.session == session]
        for ticket in mine:
            ticket.token.cancel()
        return bool(mine)

    def cancel_all(self, patience_s: float = 5.0) -> None:
        """Stop everything, and wait for it for a while, in seconds."""
        with self._lock:
            everyone = list(self._line)
        for ticket in everyone:
            ticket.token.cancel()
        give_up = time.monotonic() + patience_s
        while self._line and time.monotonic() < give_up:
            time.sleep(_POLL_S)

    @contextmanager
    def _place_in_line(self, session: str) -> Iterator[_Ticket]:
        """A ticket, last in line. It is given up on leaving, or by the worker, should that still be at it."""
        self.cancel(session)
        ticket = _Ticket(session)
        with self._lock:
            if len(self._line) >= _LONGEST_LINE:
                raise InputError(f"{_LONGEST_LINE} runs are waiting already; try again in a while.")
            self._line.append(ticket)
        try:
            yield ticket
        finally:
            ticket.token.cancel()
            if not ticket.is_at_work:
                self._give_up(ticket)

    def _give_up(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket in self._line:
                self._line.remove(ticket)

    def _wait(self, ticket: _Ticket, board: Board) -> Iterator[Shown]:
        told = 0
        while before := self._line.index(ticket):
            ticket.token.check()
            if before != told:
                told = before
                board.notice = f"Waiting: {before} run{'s' * (before > 1)} before this one."
                yield Shown(board.steps_html(), board.thought_html())
            time.sleep(_POLL_S)
        ticket.token.check()

    def _work(self, ticket: _Ticket, board: Board, source: Path, asked: Asked) -> Iterator[Shown]:
        ticket.worker = threading.Thread(target=self._run, args=(ticket, source, asked), daemon=True)
        ticket.worker.start()
        board.notice = "Running."
        is_going_on = True
        while is_going_on:
            changed = False
            for event in _arrived(ticket.events):
                changed = True
                if event is None:
                    is_going_on = False
                else:
                    board.take(event)
            if ticket.token.cancelled and board.notice != "Stopping.":
                changed, board.notice = True, "Stopping."
            if changed:
                yield Shown(board.steps_html(), board.thought_html())
        ticket.worker.join()
        if ticket.error is not None:
            raise ticket.error

    def _run(self, ticket: _Ticket, source: Path, asked: Asked) -> None:
        def report(event: ProgressEvent) -> None:
            ticket.events.put(replace(event, text=self._folder.without_places(event.text)))

        progress = Progress(on_event=report, check=ticket.token.check)
        try:
            pipeline = Pipeline(asked.generator, asked.reasoner, asked.separator, self._execution)
            ticket.result = pipeline.run(
                source,
                source.parent,
                mode=asked.mode,
                fallback=asked.fallback,
                prompt=asked.prompt,
                negative_prompt=asked.negative_prompt,
                seed=asked.seed,
                duration_s=asked.duration_s,
                progress=progress,
            )
            leave(ticket.result)
        except DeepSoundError as error:
            ticket.error = error
        except Exception as error:
            log.exception("A run failed")
            ticket.error = DeepSoundError(f"The run failed: {type(error).__name__}: {error}. The log has the details.")
        finally:
            self._give_up(ticket)
            ticket.events.put(None)

    def _finished(self, ticket: _Ticket, board: Board, run_id: str, folder: Path) -> Shown:
        assert ticket.result is not None  # noqa: S101 - a run without one has raised its error
        outcome = ticket.result.outcome
        board.thought = outcome.judgement.thought
        category = f" ({outcome.judgement.category})" if outcome.judgement.category else ""
        board.verdict = VERDICTS[outcome.judgement.verdict] + category
        board.state = "done"
        board.notice = f"Done in {ticket.result.total_s:.1f} s; the final sound: {outcome.final_from}."
        return Shown(board.steps_html(), board.thought_html(), results_html(run_id, folder))

    @staticmethod
    def _ended(board: Board, state: str, notice: str) -> Shown:
        board.state, board.notice = state, notice
        return Shown(board.steps_html(), board.thought_html())


def _arrived(events: queue.SimpleQueue[ProgressEvent | None]) -> Iterator[ProgressEvent | None]:
    """What has arrived by now, waiting a moment for the first."""
    try:
        yield events.get(timeout=_POLL_S)
        while True:
            yield events.get_nowait()
    except queue.Empty:
        return
