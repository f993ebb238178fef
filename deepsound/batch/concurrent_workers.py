"""Concurrent clips of one process: some wait for a judging server, another is generated."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from deepsound.batch.clips import Job
from deepsound.batch.settings import BatchSettings
from deepsound.batch.worker import ClipReport, ClipWorker, Worker
from deepsound.combinations import combination
from deepsound.errors import InputError
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.runtime.turns import Turns

_LISTEN_S = 0.1
_STOP_S = 1.0
MOST_AT_ONCE = 256


class TurnTakingWorker:
    """Workers made by `make` that compute in turns, as many as threads ask; at most `waiting` wait for a server."""

    def __init__(self, make: Callable[[], ClipWorker], waiting: int) -> None:
        self._make, self._turns = make, Turns(waiting)
        # The first is made at once, so that settings that cannot be are said before the work.
        self._idle: deque[ClipWorker] = deque([make()])
        self._lock = threading.Lock()

    def do(self, job: Job, progress: Progress = Progress()) -> ClipReport:
        """Process a clip once it is this thread's turn. Raises Cancelled alone."""
        with self._turns.turn(progress.check):
            with self._lock:
                worker = self._idle.popleft() if self._idle else self._make()
            try:
                return worker.do(job, progress)
            finally:
                with self._lock:
                    self._idle.append(worker)


class ConcurrentInProcess:
    """This process with up to `waiting` clips at the judging server while one more is worked on."""

    replaced = 0

    def __init__(self, settings: BatchSettings, output_dir: Path, waiting: int) -> None:
        self._worker = TurnTakingWorker(lambda: Worker(settings, output_dir), waiting)
        self._threads = waiting + 1

    def work(self, jobs: Iterator[Job], progress: Progress) -> Iterator[ClipReport]:
        """Process every job. Raises Cancelled within a second of the request."""
        token = CancelToken()
        quiet = Progress(check=token.check)
        busy: set[Future[ClipReport]] = set()
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="deepsound-clip")
        try:
            while True:
                while len(busy) < self._threads and (job := next(jobs, None)) is not None:
                    progress.on_event(ProgressEvent("clip", 0.0, job.label))
                    busy.add(pool.submit(self._worker.do, job, quiet))
                if not busy:
                    return
                done, busy = wait(busy, timeout=_LISTEN_S, return_when=FIRST_COMPLETED)
                progress.check()
                for future in done:
                    yield future.result()
        finally:
            token.cancel()
            wait(busy, timeout=_STOP_S)
            pool.shutdown(wait=False, cancel_futures=True)


def check_judge_concurrency(count: int, reasoner: str) -> None:
    """Raise InputError for a count out of range, and for a reasoner none of whose members is on a server."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise InputError(f"--judge-concurrency: expected 1 to {MOST_AT_ONCE}, got {count}; choose another number.")
    combined = combination("reasoner", reasoner)
    members = combined.members if combined is not None else (reasoner,)
    if not any(member == "server" or member.startswith("server:") for member in members):
        raise InputError(
            f"--judge-concurrency: expected a reasoner on a server, got {reasoner!r}, which computes here; name one as "
            "--reasoner server:NAME, or leave the option out."
        )
