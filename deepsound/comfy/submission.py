"""Submission of many clips to ComfyUI servers, each recorded in `<stem>.submit.json`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from deepsound.batch.clips import Job, Skipped, Source
from deepsound.batch.records import Record, delete_record, is_done, record_path
from deepsound.batch.sources import open_source, require_clips
from deepsound.batch.worker import disk_is_full, message_of, require_regular
from deepsound.comfy.scheduler import ServerPool, Task
from deepsound.comfy.server import DEFAULT_SERVER, OnProgress, OutputFiles, Server, ServerError
from deepsound.comfy.workflow import Input, Workflow
from deepsound.errors import DeepSoundError, InputError, OutputError
from deepsound.media.files import output_error, require_writable
from deepsound.runtime.paths import broken_link, expand, is_dir, is_file, is_same_file
from deepsound.runtime.progress import Progress

SUFFIX = ".submit.json"
# What a server may name a file by; anything else is fetched as .bin.
SUFFIXES_TAKEN = frozenset(
    {
        ".aac",
        ".avi",
        ".flac",
        ".gif",
        ".jpeg",
        ".jpg",
        ".json",
        ".m4a",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp3",
        ".mp4",
        ".ogg",
        ".opus",
        ".png",
        ".srt",
        ".txt",
        ".wav",
        ".webm",
        ".webp",
    }
)
_CHECK_S = 0.2
_STOP_S = 0.9


@dataclass(frozen=True)
class SubmissionResult:
    """What came of a clip: done on which server with which files and texts, or why not; `troubles` on the way."""

    label: str
    status: Literal["done", "failed", "already"]
    server: str = ""
    seconds: float = 0.0
    message: str = ""
    files: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Callbacks:
    """Callbacks: a clip ended, a server failed, a node progressed (server, clip, node, 0..1)."""

    ended: Callable[[SubmissionResult], None] = lambda submitted: None
    trouble: Callable[[str], None] = lambda text: None
    progress: Callable[[str, str, str, float | None], None] = lambda server, clip, node, fraction: None


def submit(
    workflow: Path | str,
    video: Path | str,
    inputs: Mapping[str, Any] | None = None,
    servers: Sequence[str] = (DEFAULT_SERVER,),
    output_dir: Path | str = "outputs",
    video_input: str | None = None,
    progress: Progress = Progress(),
    callbacks: Callbacks = Callbacks(),
) -> list[SubmissionResult]:
    """Run a workflow in API format on a clip, or on every clip of a folder or table, and fetch what it makes.

    `inputs` replaces inputs by name, node.name or title.name; `video_input` says where the video goes when that is not
    clear. Files are named after the clip. What is done already is passed over; a clip a server cannot do goes to
    another. Raises InputError before anything is sent, Cancelled within a second of being asked.
    """
    submission = Submission.prepare(workflow, inputs or {}, expand(output_dir), video_input, callbacks, progress.check)
    source = _source(expand(video), submission.output_dir)
    require_clips(source)
    require_writable(submission.output_dir)
    servers = list(dict.fromkeys(Server(url).url for url in servers))
    return asyncio.run(_cancellable(submission.run(source, servers), progress.check))


@dataclass
class Submission:
    """A workflow ready to be sent, where its files go, and what became of the clips so far."""

    workflow: Workflow
    places: list[Input]
    output_dir: Path
    callbacks: Callbacks
    check: Callable[[], None] = lambda: None
    results: list[SubmissionResult] = field(default_factory=list)

    @classmethod
    def prepare(
        cls,
        path: Path | str,
        inputs: Mapping[str, Any],
        output_dir: Path,
        video_input: str | None,
        callbacks: Callbacks,
        check: Callable[[], None],
    ) -> Submission:
        workflow = Workflow.load(path).with_inputs(inputs)
        return cls(workflow, workflow.video_inputs(video_input), output_dir, callbacks, check)

    async def run(self, source: Source, servers: Sequence[str]) -> list[SubmissionResult]:
        """Every clip on one of the servers."""
        jobs = self._jobs(source)
        async with contextlib.AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(Server(url)) for url in servers]
            await ServerPool(opened, jobs, self._do, self._give_up, self.callbacks.trouble).run()
        for job in jobs:
            self._end(SubmissionResult(job.label, "failed", message="no server is left"))
        return self.results

    def _jobs(self, source: Source) -> Iterator[Job]:
        for entry in source.entries():
            self.check()
            if isinstance(entry, Skipped):
                if entry.is_loss:
                    self._end(SubmissionResult(entry.label, "failed", message=entry.why))
            elif self._is_done(entry):
                self._end(SubmissionResult(entry.label, "already"))
            else:
                yield entry

    def _is_done(self, job: Job) -> bool:
        try:
            return is_done(record_path(self.output_dir, job, SUFFIX), self._fingerprint(job))
        except (OSError, DeepSoundError):
            # What is wrong with it is reported at its turn.
            return False

    async def _do(self, server: Server, task: Task) -> None:
        """One clip on one server; what is the clip's or the run's own fault ends here."""
        job, began = task.job, time.monotonic()
        path = record_path(self.output_dir, job, SUFFIX)
        try:
            fingerprint = self._fingerprint(job)
            delete_record(path)
            made = await server.run(self._for_clip(job), self.places, job.video, self._reporter(server, job))
            targets = await self._fetch(server, made, path.parent, job.video)
            seconds = time.monotonic() - began
            details = {
                "server": server.url,
                "prompt_id": made.prompt_id,
                "texts": made.texts,
                "troubles": task.troubles,
            }
            files = {target.name: target.stat().st_size for target in targets}
            Record(job.label, "done", fingerprint, seconds, files=files, details=details).write(path)
        except ServerError:
            raise
        except Exception as error:  # Nothing that one clip meets may end the others, save a disk that is full for all.
            if disk_is_full(error):
                raise OutputError(f"{message_of(error)} The same command goes on from there.") from error
            self._end(
                SubmissionResult(
                    job.label, "failed", server.url, message=message_of(error), troubles=tuple(task.troubles)
                )
            )
            return
        self._end(
            SubmissionResult(
                job.label, "done", server.url, seconds, "", tuple(targets), made.texts, tuple(task.troubles)
            )
        )

    async def _fetch(self, server: Server, made: OutputFiles, folder: Path, video: Path) -> list[Path]:
        """Download what a run made, named after the clip. Raises DeepSoundError for a run that made nothing."""
        if not made.files and not made.texts:
            raise DeepSoundError("the workflow made no file; has it a node that saves one?")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error
        targets = _targets(folder, video, [file.filename for file in made.files])
        for file, target in zip(made.files, targets, strict=True):
            await server.fetch(file, target)
        return targets

    def _for_clip(self, job: Job) -> Workflow:
        names = {"start_s": "start", "duration_s": "duration", "guidance": "cfg"}
        return self.workflow.with_inputs({names.get(name, name): value for name, value in job.overrides.items()})

    def _fingerprint(self, job: Job) -> str:
        require_regular(job.video)
        status = job.video.stat()
        made_of = [self._for_clip(job).prompt, list(map(str, self.places)), status.st_size, status.st_mtime_ns]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def _reporter(self, server: Server, job: Job) -> OnProgress:
        return lambda node, fraction: self.callbacks.progress(server.url, job.label, node, fraction)

    def _give_up(self, task: Task) -> None:
        troubles = tuple(task.troubles)
        self._end(SubmissionResult(task.job.label, "failed", message=troubles[-1], troubles=troubles))

    def _end(self, submitted: SubmissionResult) -> None:
        self.results.append(submitted)
        self.callbacks.ended(submitted)


@dataclass(frozen=True)
class _OneClip:
    path: Path

    def entries(self) -> Iterator[Job]:
        yield Job(0, self.path.name, self.path)

    def count(self) -> int:
        return 1


def _source(video: Path, output_dir: Path) -> Source:
    if is_dir(video) or video.suffix.lower() in (".csv", ".tsv"):
        return open_source(video, output_dir)
    if not is_file(video):
        raise InputError(broken_link(video) or f"There is no video, folder or table {video}; check the path.")
    if is_same_file(output_dir, video.parent):
        raise InputError(f"What comes back for {video.name} could replace it; choose another output folder.")
    return _OneClip(video)


def _targets(folder: Path, video: Path, names: list[str]) -> list[Path]:
    """Where a run's files go: after the clip, numbered from the second of a kind on; the server names only the kind."""
    targets: list[Path] = []
    for name in names:
        suffix = PurePosixPath(name.replace("\\", "/")).suffix.lower()
        suffix = suffix if suffix in SUFFIXES_TAKEN else ".bin"
        same = sum(target.suffix == suffix for target in targets)
        targets.append(folder / f"{video.stem}{f'.{same + 1}' if same else ''}{suffix}")
    return targets


async def _cancellable(work: Awaitable[list[SubmissionResult]], check: Callable[[], None]) -> list[SubmissionResult]:
    """The work's result; what `check` raises stops it, runs on servers included, within a second."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_CHECK_S)
            check()
    except BaseException:
        task.cancel()
        await asyncio.wait({task}, timeout=_STOP_S)
        raise
    return task.result()
