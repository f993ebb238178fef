"""Background downloads and verifications of weights: one at a time, cancellable."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from deepsound.errors import Cancelled, DeepSoundError, EngineError, InputError
from deepsound.runtime.paths import is_dir
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.weights.catalogue import Weights, weights
from deepsound.weights.download import download
from deepsound.weights.locate import find, origin, target
from deepsound.weights.search_paths import SearchPaths, default_search_paths
from deepsound.weights.verify import verify

JobKind = Literal["download", "verify"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
_WAIT_S = 0.2


@dataclass(frozen=True)
class WeightJob:
    """A download or verification: `fraction` from 0 to 1, `message` the error or the result for a person to read."""

    id: str
    kind: JobKind
    state: JobState = "waiting"
    fraction: float = 0.0
    message: str = ""

    @property
    def is_active(self) -> bool:
        return self.state in ("waiting", "running")


class WeightJobs:
    """Jobs by the id of their weights; the newest of each is remembered. Safe to call from any thread."""

    def __init__(self, places: Callable[[], SearchPaths] = default_search_paths) -> None:
        self._places = places
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._jobs: dict[str, WeightJob] = {}
        self._tokens: dict[str, CancelToken] = {}

    def get(self, id: str) -> WeightJob | None:
        with self._lock:
            return self._jobs.get(id)

    def start_download(self, id: str, licence: str) -> WeightJob:
        """Start to fetch the weights; `licence` is the name of the licence that the person accepted.

        Raises InputError for an unknown id and for another licence than the catalogue's.
        """
        expected = weights(id).licence.name
        if licence != expected:
            raise InputError(f"licence of {id}: expected {expected!r} accepted, got {licence!r}; accept it first.")
        return self._start(id, "download")

    def start_verify(self, id: str) -> WeightJob:
        """Start to compare the files with the published hashes. Raises InputError for an unknown id."""
        return self._start(weights(id).id, "verify")

    def cancel(self, id: str) -> WeightJob | None:
        """Stop the job of these weights within a second; what was downloaded stays, and the next download resumes."""
        with self._lock:
            if id in self._tokens:
                self._tokens[id].cancel()
            return self._jobs.get(id)

    def _start(self, id: str, kind: JobKind) -> WeightJob:
        with self._lock:
            running = self._jobs.get(id)
            if running is not None and running.is_active:
                return running
            token = self._tokens[id] = CancelToken()
            job = self._jobs[id] = WeightJob(id, kind)
        # A daemon: whoever ends the server does not wait for gigabytes.
        threading.Thread(target=self._run, args=(job, token), name=f"deepsound {kind} {id}", daemon=True).start()
        return job

    def _run(self, job: WeightJob, token: CancelToken) -> None:
        try:
            self._wait_for_turn(token)
            try:
                self._set(job.id, state="running")
                message = self._work(job, Progress(lambda event: self._report(job.id, event), token.check))
                self._set(job.id, state="done", fraction=1.0, message=message)
            finally:
                self._turn.release()
        except Cancelled:
            self._set(job.id, state="cancelled")
        except DeepSoundError as error:
            self._set(job.id, state="failed", message=str(error))
        except Exception as error:  # a page that waits must learn of any end
            self._set(job.id, state="failed", message=f"{type(error).__name__}: {error}")

    def _wait_for_turn(self, token: CancelToken) -> None:
        while not self._turn.acquire(timeout=_WAIT_S):
            token.check()

    def _work(self, job: WeightJob, progress: Progress) -> str:
        entry = weights(job.id)
        if job.kind == "download":
            return str(download(entry, self._places(), progress))
        results = verify(entry, self._places(), progress)
        wrong = [result for result in results if result.status in ("damaged", "missing")]
        if wrong:
            name = wrong[0].path.name if wrong[0].path else job.id
            raise EngineError(f"{name}: {wrong[0].detail}; delete it and download it again.")
        return "; ".join(dict.fromkeys(f"{result.status}: {result.detail}" for result in results))

    def _report(self, id: str, event: ProgressEvent) -> None:
        if event.fraction is not None:
            self._set(id, fraction=event.fraction)

    def _set(self, id: str, **changes: Any) -> None:
        with self._lock:
            self._jobs[id] = replace(self._jobs[id], **changes)


def describe(entry: Weights, places: SearchPaths, job: WeightJob | None = None) -> dict[str, Any]:
    """Weights as plain JSON for a page: what and how large, the licence, where they are or would be, and their job."""
    problem = ""
    try:
        path = find(entry, places)
    except EngineError as error:
        path, problem = None, str(error)
    return {
        "id": entry.id,
        "what": entry.what,
        "engines": list(entry.engines),
        "bytes": entry.size,
        "is_exact": entry.size_is_exact,
        "licence": {
            "name": entry.licence.name,
            "commercial": entry.licence.commercial,
            "note": entry.licence.note,
        },
        "is_present": path is not None,
        "path": str(path or target(entry, places)),
        "origin": origin(entry),
        "problem": problem,
        "job": None
        if job is None
        else {"kind": job.kind, "state": job.state, "fraction": round(job.fraction, 4), "message": job.message},
    }


def folder_of(entry: Weights, places: SearchPaths) -> Path:
    """The nearest existing folder of where the weights are, or would be."""
    path = find(entry, places) or target(entry, places)
    return next(folder for folder in (path, *path.parents) if is_dir(folder, EngineError))
