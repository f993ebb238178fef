"""Downloads weights: on request only, resumable, verified, and put in place atomically."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from deepsound.errors import DeepSoundError, EngineError, OutputError
from deepsound.media.files import output_error
from deepsound.runtime.background import run_in_background
from deepsound.runtime.paths import escaped, exists, is_file
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import HubSource, PublishedFile, Source, Weights
from deepsound.weights.integrity import mismatch, not_a_checkpoint
from deepsound.weights.locate import find, origin, target
from deepsound.weights.remote import Remote, Unavailable, address, is_offline, list_folder, look_up
from deepsound.weights.search_paths import SearchPaths, default_search_paths
from deepsound.weights.transfer import transfer

T = TypeVar("T")

# Left free on the disk beside the file itself.
_SPARE_BYTES = 64 << 20
# Of a file's share of the progress, what the transfer takes; the rest is reading it again for its hash.
_TRANSFER_SHARE = 0.95


def download(
    weights: Weights,
    places: SearchPaths | None = None,
    progress: Progress = Progress(),
    *,
    again: bool = False,
) -> Path:
    """The path of the weights, fetched if they are not on this machine; with `again`, fetched even so.

    Reports the share of bytes done and can be cancelled within a second; what came stays and the next call goes on
    from there. Nothing is under its final name before size, hash and format are verified. Raises EngineError where
    the weights cannot be had (offline, gated, gone, wrong), OutputError where they cannot be written.
    """
    places = places or default_search_paths()
    present = None if again else find(weights, places)
    if present is not None:
        return present
    goal = target(weights, places)
    if is_offline():
        raise _offline(weights, goal)
    files = _folder_files(weights, progress) if weights.kind == "folder" else weights.files
    folder = goal if weights.kind == "folder" else goal.parent
    _check_space(folder, files, again)
    for file, share in _shares(files, progress):
        try:
            _fetch(file, folder / file.name, share, again)
        except EngineError:
            if not file.optional:
                raise
    progress.update(1.0)
    return goal


def _fetch(file: PublishedFile, goal: Path, progress: Progress, again: bool) -> None:
    """Bring one file into place from the first of its sources that has it."""
    if _is_done(file, goal, again):
        return
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(goal, error) from error
    failures: list[EngineError] = []
    for source in file.sources:
        try:
            _fetch_from(source, file, goal, progress, again)
            return
        except Unavailable as error:
            failures.append(error)
    raise failures[0]


def _is_done(file: PublishedFile, goal: Path, again: bool) -> bool:
    return not again and is_file(goal, OutputError) and file.bytes in (None, goal.stat().st_size)


def _fetch_from(source: Source, file: PublishedFile, goal: Path, progress: Progress, again: bool) -> None:
    remote = _query(source, lambda stop: look_up(source), progress)
    expected = replace(
        file,
        bytes=file.bytes if file.bytes is not None else remote.size,
        sha256=file.sha256 or ("" if file.md5 else remote.sha256),
    )
    if remote.size is not None and remote.size != expected.bytes:
        raise Unavailable(
            f"{address(source)} now has {remote.size} bytes where {expected.bytes} were published; it is "
            "another file. Nothing was downloaded."
        )
    partial = goal.with_name(f".{_tag(expected, remote)}.partial{goal.suffix}")
    with _alone(partial, progress):
        if _is_done(file, goal, again):
            return
        remote = replace(remote, size=expected.bytes)
        transfer(source, remote, partial, file.about_bytes, progress.part(0.0, _TRANSFER_SHARE))
        _verify(partial, expected, source, progress.part(_TRANSFER_SHARE, 1.0))
        try:
            partial.replace(goal)
        except OSError as error:
            raise output_error(goal, error) from error


def _verify(partial: Path, expected: PublishedFile, source: Source, progress: Progress) -> None:
    """Delete what is not the published file, and say what is wrong with it."""
    wrong = not_a_checkpoint(partial, expected.name) or mismatch(partial, expected, progress)
    if wrong is not None:
        partial.unlink(missing_ok=True)
        raise Unavailable(
            f"What {address(source)} sent is not {expected.name}: {wrong}. It was deleted. Try again; if "
            "it stays so, the file was replaced where it is published, or on the way."
        )


def _query(source: Source, question: Callable[[threading.Event], T], progress: Progress) -> T:
    """The answer to a question over the network; Unavailable where there is none."""
    try:
        return run_in_background(question, progress)
    except DeepSoundError:
        raise
    except Exception as error:  # every client and version of huggingface_hub has errors of its own
        raise Unavailable(
            f"{address(source)} cannot be reached ({type(error).__name__}: {escaped(str(error)[:300])}). Check the "
            "connection, or set HF_ENDPOINT to a mirror of the hub."
        ) from error


def _folder_files(weights: Weights, progress: Progress) -> tuple[PublishedFile, ...]:
    source = weights.sources[0]
    listed = _query(source, lambda stop: list_folder(source, stop), progress)
    prefix = source.folder + "/" if source.folder else ""
    files = [
        PublishedFile(path.removeprefix(prefix), (HubSource(source.repo, path, commit),), size, sha256=sha256)
        for path, size, sha256, commit in listed
        if _is_inside(path)
    ]
    if not files:
        raise Unavailable(
            f"The repository {source.repo} has no files of {weights.id} any more; name a copy with --weights."
        )
    # A folder counts as there once its configurations are, so these come last.
    return tuple(sorted(files, key=lambda file: (PurePosixPath(file.name).name == "config.json", file.name)))


def _is_inside(path: str) -> bool:
    return not {"", ".", ".."} & set(path.split("/")) and "\\" not in path and ":" not in path


def _shares(files: tuple[PublishedFile, ...], progress: Progress) -> Iterator[tuple[PublishedFile, Progress]]:
    sizes = [max(file.size or 1, 1) for file in files]
    done = 0
    for file, size in zip(files, sizes, strict=True):
        yield file, progress.part(done / sum(sizes), (done + size) / sum(sizes))
        done += size


def _check_space(folder: Path, files: tuple[PublishedFile, ...], again: bool) -> None:
    """Raise OutputError where the disk has less room than what is still to come needs."""
    needed = sum(file.size or 0 for file in files if again or not is_file(folder / file.name, OutputError))
    here = next((path for path in (folder, *folder.parents) if exists(path, OutputError)), folder)
    try:
        free = shutil.disk_usage(here).free + sum(path.stat().st_size for path in folder.glob(".*.partial*"))
    except OSError:
        return
    if needed and needed + _SPARE_BYTES > free:
        raise OutputError(
            f"There is no room for the download: {_gigabytes(needed)} are needed in {folder} and "
            f"{_gigabytes(free)} are free. Free some space, or name another disk with DEEPSOUND_HOME or "
            "--models."
        )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


def _offline(weights: Weights, goal: Path) -> EngineError:
    named = "the folder" if weights.kind == "folder" else weights.files[0].name
    return EngineError(
        f"The weights {weights.id} are not on this machine, and HF_HUB_OFFLINE forbids fetching them. "
        f"Put {named} at {goal} yourself (it comes from {origin(weights)}), or unset HF_HUB_OFFLINE and "
        f"run `deepsound models download {weights.id}`."
    )


def _tag(expected: PublishedFile, remote: Remote) -> str:
    """What names a partial file: its content where that is known, so that another content is another file."""
    content = expected.sha256 or expected.md5 or remote.tag or remote.url
    return hashlib.sha256(f"{expected.name} {content}".encode()).hexdigest()[:16]


@contextmanager
def _alone(partial: Path, progress: Progress) -> Iterator[None]:
    """Let no other process fetch the same file at the same time; waits for it, and can be cancelled meanwhile."""
    from filelock import FileLock, Timeout

    lock = FileLock(partial.with_name(partial.name + ".lock"))
    try:
        while True:
            try:
                lock.acquire(timeout=0.2)
                break
            except Timeout:
                progress.update(None)
    except OSError as error:
        raise output_error(partial, error) from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # held by the next in line, on Windows
            Path(lock.lock_file).unlink(missing_ok=True)
