"""Ray workers (package `ray`): one pipeline per actor, one clip at a time in each.

A clip is taken from the listing only when an actor is free, so that nothing piles up. An actor that dies is replaced
and its clip is done by another; its record says whether it had been done already. Clips that were lost together are
each done alone, which shows whose fault it was.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepsound.batch.clips import Job
from deepsound.batch.concurrent_workers import TurnTakingWorker
from deepsound.batch.settings import BatchSettings
from deepsound.batch.worker import BatchWork, ClipReport, ClipWorker, Work
from deepsound.errors import EngineError, InputError
from deepsound.runtime.packages import missing_package
from deepsound.runtime.progress import CancelToken, Progress

# A clip that was with two workers when they died is the likely reason.
MAX_DEATHS_A_CLIP = 2
# Workers that die one after the other without a single clip done do not come to life by one more try.
MAX_DEATHS_IN_A_ROW = 5
_CONNECT_S = 5
_LISTEN_S = 0.2
_STOP_S = 0.8


class _Actor:
    """The actor: a worker, and a flag that ends what it is doing."""

    def __init__(self, work: Work, output_dir: Path, working_dir: Path, judging: int, threads: int) -> None:
        # So that a path that is not absolute means the same as where the batch was started.
        with contextlib.suppress(OSError):
            os.chdir(working_dir)
        if threads:
            import torch

            torch.set_num_threads(threads)
        self._worker: ClipWorker = (
            TurnTakingWorker(lambda: work.worker(output_dir), judging) if judging else work.worker(output_dir)
        )
        self._token = CancelToken()

    def do(self, job: Job) -> ClipReport:
        return self._worker.do(job, Progress(check=self._token.check))

    def cancel(self) -> None:
        self._token.cancel()


@dataclass
class _Assignment:
    """A clip with an actor, and how many died with it."""

    job: Job
    deaths: int = 0
    actor: Any = None


class RayWorkers:
    """Actors on a Ray cluster: the one at `address` (`auto`: the one that runs here), or one started for the purpose.

    `count` workers; without it one for each GPU of the cluster, or without GPUs one for every four CPUs. Each
    has one clip, and up to `judging` more that wait for a judging server. The clips and the output folder must be at
    the same paths on all machines of a cluster. Raises MissingPackage without Ray, InputError without that cluster; as
    a context it stops what it started.
    """

    def __init__(
        self,
        settings: BatchSettings | Work,
        output_dir: Path,
        address: str | None = None,
        count: int | None = None,
        judging: int = 0,
    ) -> None:
        # Said here rather than by every worker: engines that do not exist.
        work: Work = BatchWork(settings) if isinstance(settings, BatchSettings) else settings
        work.check()
        self._ray = _ray()
        self.replaced = 0
        self._arguments = (work, output_dir.resolve(), Path.cwd(), judging)
        self._at_once = 1 + judging
        # An actor stands here once for every clip more that it may have.
        self._idle: deque[Any] = deque()
        self._successors: dict[Any, Any] = {}
        self._owned = self._connect(address)
        resources = self._ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        wanted = count or gpus or max(1, cpus // 4)
        self.count = min(wanted, gpus) if gpus else wanted
        self._threads = 0 if gpus else max(1, cpus // self.count)
        # One more than its clips, so that an actor hears `cancel` while it works.
        self._remote = self._ray.remote(_Actor).options(max_concurrency=1 + self._at_once, num_gpus=1 if gpus else 0)

    def __enter__(self) -> RayWorkers:
        return self

    def __exit__(self, *what: object) -> None:
        self._end(list(self._idle))
        self._idle.clear()
        if self._owned:
            self._ray.shutdown()

    def work(self, jobs: Iterator[Job], progress: Progress) -> Iterator[ClipReport]:
        """Process every job. Raises Cancelled within a second of the request, EngineError when no worker survives."""
        again: deque[_Assignment] = deque()
        busy: dict[Any, _Assignment] = {}
        deaths_in_a_row = 0
        if not self._idle:
            self._idle.extend([self._new_actor() for _ in range(self.count)] * self._at_once)
        try:
            while True:
                progress.check()
                while (actor := self._free(busy, alone=bool(again))) is not None and (
                    given := again.popleft() if again else _next(jobs)
                ):
                    self._idle.remove(actor)
                    given.actor = self._living(actor)
                    busy[given.actor.do.remote(given.job)] = given
                if not busy:
                    return
                for done in self._ray.wait(list(busy), timeout=_LISTEN_S)[0]:
                    given = busy.pop(done)
                    report = self._report(done, given)
                    # The clips that one actor had are lost together: that is one death.
                    is_new = report is None and given.actor not in self._successors
                    deaths_in_a_row = 0 if report else deaths_in_a_row + is_new
                    if deaths_in_a_row >= MAX_DEATHS_IN_A_ROW:
                        raise EngineError(
                            f"{deaths_in_a_row} Ray workers died one after the other, the last with "
                            f"{given.job.label}; Ray's logs tell why (memory, or a missing package)."
                        )
                    self._idle.append(given.actor if report else self._replacement(given.actor))
                    if report is None and given.deaths < MAX_DEATHS_A_CLIP:
                        again.append(given)
                    else:
                        yield report or ClipReport(given.job, "failed", message=f"{given.deaths} workers died with it")
        finally:
            self._interrupt(busy)

    def _free(self, busy: dict[Any, _Assignment], alone: bool) -> Any:
        """An actor for the next clip, or None: `alone` one without any, else one without a clip that is done alone."""
        shunned = {given.actor for given in busy.values() if alone or given.deaths}
        return next((actor for actor in self._idle if self._living(actor) not in shunned), None)

    def _report(self, done: Any, given: _Assignment) -> ClipReport | None:
        """What came of a clip; None when its actor died."""
        errors = self._ray.exceptions
        try:
            report: ClipReport = self._ray.get(done)
            # The one that died had finished it and could not say so.
            return replace(report, status="done") if given.deaths and report.status == "already" else report
        except errors.RayTaskError as error:
            return ClipReport(given.job, "failed", message=str(error.cause or error).splitlines()[0])
        except errors.RayError:
            given.deaths += 1
            return None

    def _new_actor(self) -> Any:
        return self._remote.remote(*self._arguments, self._threads)

    def _replacement(self, dead: Any) -> Any:
        if dead not in self._successors:
            self.replaced += 1
            self._successors[dead] = self._new_actor()
        return self._living(dead)

    def _living(self, actor: Any) -> Any:
        """The actor, or the last of those that came in its place."""
        while actor in self._successors:
            actor = self._successors[actor]
        return actor

    def _interrupt(self, busy: dict[Any, _Assignment]) -> None:
        """End what is being worked on, cleanly where the actor still listens."""
        if busy:
            for actor in {given.actor for given in busy.values()}:
                actor.cancel.remote()
            self._ray.wait(list(busy), num_returns=len(busy), timeout=_STOP_S)
            self._end([given.actor for given in busy.values()])

    def _end(self, actors: list[Any]) -> None:
        for actor in actors:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(actor)

    def _connect(self, address: str | None) -> bool:
        """Whether a cluster was started, rather than joined."""
        if self._ray.is_initialized():
            return False
        if address and ":" in address:
            _require_listener(address)
        # Ray would report its use over the network.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet = {"log_to_driver": False, "logging_level": "error"}
        try:
            if address:
                self._ray.init(address=address, **quiet)
            else:
                self._ray.init(include_dashboard=False, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"Ray cannot be reached at {address or 'this machine'}: {error}. Start it there, or correct --ray."
            ) from error
        return not address


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise missing_package("--ray needs Ray, which is not installed", "ray") from error
    return ray


def _require_listener(address: str) -> None:
    """Ray itself would try for minutes where nobody listens. Raises InputError."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S):
            return
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"Ray cannot be reached at {address}: {error}. Start it there, or correct --ray.") from error


def _next(jobs: Iterator[Job]) -> _Assignment | None:
    job = next(jobs, None)
    return None if job is None else _Assignment(job)
