"""Queue of the page's runs: one at a time, each cancellable within a second."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepsound.app.request import RunRequest
from deepsound.app.results import addresses, results_html, stem_of, without_folders, write_extras
from deepsound.app.status_view import VERDICTS, StatusView
from deepsound.app.storage import AppStorage
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.outputs import Result
from deepsound.pipeline import Pipeline
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.takes import run_takes

log = logging.getLogger(__name__)

POLL_S = 0.1
_MAX_QUEUED = 64


@dataclass(frozen=True)
class PanelUpdate:
    """The page's three panels as HTML; `results` is None where it has not changed.

    Of a run that is over, `notice` is its last sentence; of a finished one, `records` are the result.json of every
    take that was finished, with `results`, the addresses of its files by name.
    """

    steps: str
    thought: str
    results: str | None = None
    notice: str = ""
    records: tuple[dict[str, Any], ...] = ()


@dataclass(eq=False)
class QueuedJob:
    """A place in the line; `events` are what the run reports and the result of each take, ending with None."""

    session: str
    token: CancelToken = field(default_factory=CancelToken)
    events: queue.SimpleQueue[ProgressEvent | Result | None] = field(default_factory=queue.SimpleQueue)
    worker: threading.Thread | None = None
    results: tuple[Result, ...] = ()
    error: Exception | None = None

    @property
    def is_at_work(self) -> bool:
        return self.worker is not None and self.worker.is_alive()


class JobQueue:
    """Everything the app runs; `follow` is called from many threads at once."""

    def __init__(self, folder: AppStorage, execution: Execution = Execution()) -> None:
        self._folder = folder
        self._execution = execution
        self._jobs: list[QueuedJob] = []
        self._lock = threading.Lock()

    def follow(self, session: str, given: object, asked: RunRequest) -> Iterator[PanelUpdate]:
        """Run on an upload and yield what the page is to show, until the run is done, failed or cancelled."""
        for shown in self.poll(session, given, asked):
            if shown is None:
                time.sleep(POLL_S)
            else:
                yield shown

    def poll(self, session: str, given: object, asked: RunRequest) -> Generator[PanelUpdate | None, None, None]:
        """As follow, without ever waiting: None where nothing has changed and the caller is to ask again later."""
        view = StatusView("Starting.", "running")
        yield PanelUpdate(view.steps_html(), view.thought_html(), "")
        try:
            upload = self._folder.upload(given)
            self._folder.tenancy.claim(session, upload)
            # The run has the video in its own folder from here on, whatever the page uploads or clears while it waits.
            with (
                self._queue_slot(session) as job,
                self._folder.new_run(upload, session, asked.takes) as (
                    run_id,
                    source,
                ),
            ):
                yield from self._wait(job, view)
                yield from self._work(job, view, source, asked)
                yield self._finish(job, view, run_id, source.parent)
        except Cancelled:
            yield self._end(view, "cancelled", "Cancelled; nothing was left behind.")
        except DeepSoundError as error:
            yield self._end(view, "failed", self._folder.without_paths(str(error)))

    def leave(self, session: str) -> None:
        """The session's page is closed: its run is stopped, and its files make room when it is needed."""
        self.cancel(session)
        self._folder.tenancy.leave(session)

    def choose(self, session: str, given: object) -> None:
        """The session has uploaded a video, or cleared it; the one it had before is removed."""
        self._folder.tenancy.claim(session, self._folder.confine(given))

    def cancel(self, session: str) -> bool:
        """Stop what a session runs or waits for; whether there was anything."""
        with self._lock:
            mine = [job for job in self._jobs if job.session == session]
        for job in mine:
            job.token.cancel()
        return bool(mine)

    def cancel_all(self, patience_s: float = 5.0) -> None:
        """Stop everything, and wait for it for a while, in seconds."""
        with self._lock:
            everyone = list(self._jobs)
        for job in everyone:
            job.token.cancel()
        give_up = time.monotonic() + patience_s
        while self._jobs and time.monotonic() < give_up:
            time.sleep(POLL_S)

    @contextmanager
    def _queue_slot(self, session: str) -> Iterator[QueuedJob]:
        """A job, last in line. It is given up on leaving, or by the worker, should that still be at it."""
        self.cancel(session)
        job = QueuedJob(session)
        with self._lock:
            if len(self._jobs) >= _MAX_QUEUED:
                raise InputError(f"All {_MAX_QUEUED} places in the queue are taken; try again in a while.")
            self._jobs.append(job)
        try:
            yield job
        finally:
            job.token.cancel()
            if not job.is_at_work:
                self._dequeue(job)

    def _dequeue(self, job: QueuedJob) -> None:
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)

    def _wait(self, job: QueuedJob, view: StatusView) -> Iterator[PanelUpdate | None]:
        shown = 0
        while before := self._jobs.index(job):
            job.token.check()
            if before != shown:
                shown = before
                view.notice = f"Waiting: {before} run{'s' * (before > 1)} before this one."
                yield PanelUpdate(view.steps_html(), view.thought_html())
            yield None
        job.token.check()

    def _work(self, job: QueuedJob, view: StatusView, source: Path, asked: RunRequest) -> Iterator[PanelUpdate | None]:
        job.worker = threading.Thread(target=self._run, args=(job, source, asked), daemon=True)
        job.worker.start()
        view.notice = "Running."
        is_going_on = True
        while is_going_on:
            changed = False
            for event in _drain(job.events):
                changed = True
                if event is None:
                    is_going_on = False
                elif isinstance(event, Result):
                    view.end_take()
                else:
                    view.take(event)
            if job.token.cancelled and view.notice != "Stopping.":
                changed, view.notice = True, "Stopping."
            yield PanelUpdate(view.steps_html(), view.thought_html()) if changed else None
        job.worker.join()
        if job.error is not None:
            raise job.error

    def _run(self, job: QueuedJob, source: Path, asked: RunRequest) -> None:
        def report(event: ProgressEvent) -> None:
            job.events.put(replace(event, text=self._folder.without_paths(event.text)))

        def done(result: Result) -> None:
            write_extras(result)
            job.events.put(result)

        progress = Progress(on_event=report, check=job.token.check)
        try:
            pipeline = Pipeline(asked.generator, asked.reasoner, asked.separator, self._execution, preset=asked.preset)
            job.results = run_takes(
                pipeline,
                source,
                source.parent,
                asked.takes,
                asked.pick or None,
                progress=progress,
                done=done,
                mode=asked.mode,
                fallback=asked.fallback,
                prompt=asked.prompt,
                negative_prompt=asked.negative_prompt,
                seed=asked.seed,
                duration_s=asked.duration_s,
                scope=asked.scope,
                window_s=asked.window_s,
            )
        except DeepSoundError as error:
            job.error = error
        except Exception as error:
            log.exception("A run failed")
            job.error = DeepSoundError(f"The run failed: {type(error).__name__}: {error}. The log has the details.")
        finally:
            self._dequeue(job)
            job.events.put(None)

    def _finish(self, job: QueuedJob, view: StatusView, run_id: str, folder: Path) -> PanelUpdate:
        last = job.results[-1]
        view.thought = last.outcome.judgement.thought
        view.verdict = _verdict(last)
        for result in job.results:
            for line in result.mux.lines() if result.mux is not None else ():
                view.take(ProgressEvent("write", None, line, is_note=True))
        view.state = "done"
        came_to = (
            f"the final sound: {last.outcome.final_from}" if len(job.results) == 1 else f"{len(job.results)} takes"
        )
        view.notice = f"Done in {sum(result.total_s for result in job.results):.1f} s; {came_to}."
        return PanelUpdate(
            view.steps_html(),
            view.thought_html(),
            "".join(
                results_html(run_id, folder, stem_of(result), title)
                for result, title in zip(job.results, _titles(job.results), strict=True)
            ),
            view.notice,
            tuple(
                {**without_folders(result.to_json()), "results": addresses(run_id, folder, stem_of(result))}
                for result in job.results
            ),
        )

    @staticmethod
    def _end(view: StatusView, state: str, notice: str) -> PanelUpdate:
        view.state, view.notice = state, notice
        return PanelUpdate(view.steps_html(), view.thought_html(), notice=notice)


def _verdict(result: Result) -> str:
    judgement = result.outcome.judgement
    return VERDICTS[judgement.verdict] + (f" ({judgement.category})" if judgement.category else "")


def _titles(results: tuple[Result, ...]) -> list[str]:
    """Which take each result is, and what came of it; nothing for one."""
    if len(results) == 1:
        return [""]
    return [
        f"Take {number} (seed {result.outcome.request.seed}): {_verdict(result)}; "
        f"the final sound: {result.outcome.final_from}"
        for number, result in enumerate(results, 1)
    ]


def _drain(events: queue.SimpleQueue[ProgressEvent | Result | None]) -> Iterator[ProgressEvent | Result | None]:
    """What has arrived by now."""
    with suppress(queue.Empty):
        while True:
            yield events.get_nowait()
