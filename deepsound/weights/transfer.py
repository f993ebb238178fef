"""Resumable transfer of one file: each attempt continues where the last one stopped."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepsound.errors import DeepSoundError, OutputError
from deepsound.media.files import output_error
from deepsound.runtime.background import run_in_background
from deepsound.runtime.paths import escaped, exists, is_file
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import Source
from deepsound.weights.remote import Answer, Remote, Unavailable, address, open_range, plain_chunks, refusal_error

# Attempts in a row that brought nothing; one that brings bytes begins the count anew.
ATTEMPTS = 5
PAUSE_S = 1.0

# Bytes that are taken where nobody says how many there are, and beyond a rounded size.
_MOST_UNSTATED = 64 << 20

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Broken(Exception):
    """An attempt ended early; the next goes on from where it stopped."""


def transfer(source: Source, remote: Remote, partial: Path, about_bytes: int | None, progress: Progress) -> None:
    """Bring `partial` to the whole of what is at `source`, keeping what it holds already.

    Never more is written than was stated: the size in `remote`, else the server's, else somewhat more than
    `about_bytes`. Reports the share done, and leaves within a second when cancelled; what has come stays in `partial`.
    Raises Unavailable where the source refuses or the network keeps breaking, OutputError where the disk fails.
    """
    job = _Transfer(source, remote, partial, about_bytes)
    run_in_background(job.run, progress, job.fraction)


@dataclass
class _Transfer:
    source: Source
    remote: Remote
    partial: Path
    about_bytes: int | None
    done: int = 0

    def __post_init__(self) -> None:
        self.total = self.remote.size
        self.stop = threading.Event()

    def fraction(self) -> float | None:
        return self.done / self.total if self.total else None

    def run(self, stop: threading.Event) -> None:
        self.stop = stop
        failures = 0
        while not stop.is_set():
            before = self._length()
            try:
                return self._attempt()
            except _Broken as error:
                failures = 1 if self._length() > before else failures + 1
                if failures >= ATTEMPTS:
                    raise Unavailable(
                        f"The download of {address(self.source)} broke off {ATTEMPTS} times in a row ({error}). What "
                        "has come is kept: run the same command again to go on from there. Where the hub cannot be "
                        "reached, set HF_ENDPOINT to a mirror."
                    ) from error
                stop.wait(PAUSE_S * failures)

    def _attempt(self) -> None:
        offset = self.done = self._length()
        if offset and offset == self.total:
            return
        try:
            with open_range(self.remote, offset) as answer:
                if offset and answer.status == 416 and self._is_whole(answer, offset):
                    return
                self._append(answer, self._accept(answer, offset))
        except (DeepSoundError, _Broken):
            raise
        except Exception as error:  # every client and version has errors of its own, and all mean the same here
            raise _Broken(f"{type(error).__name__}: {escaped(str(error)[:300])}") from error
        if not self.stop.is_set() and self.total is not None and self.done != self.total:
            raise _Broken(f"{self.done} of {self.total} bytes came")

    def _is_whole(self, answer: Answer, offset: int) -> bool:
        """Whether the server has nothing beyond `offset` because that is the file's end."""
        stated = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("content-range", ""))
        return stated is not None and int(stated.group(1)) == offset

    def _accept(self, answer: Answer, offset: int) -> int:
        """The byte at which the answer's body begins, once it is an answer that can be used."""
        if answer.status in _AGAIN:
            raise _Broken(f"HTTP {answer.status}")
        if answer.status == 416 and offset:
            self.partial.unlink(missing_ok=True)
            raise _Broken("the server has another file than the one that was begun")
        if answer.status not in (200, 206):
            raise refusal_error(self.source, answer.status)
        if answer.headers.get("content-type", "").startswith("text/html"):
            raise Unavailable(
                f"{address(self.source)} answered with a web page instead of the file. A login page of "
                "the network or a proxy may be in between; open the address in a browser to see it."
            )
        begin = offset if answer.status == 206 else 0
        stated = answer.headers.get("content-range", "")
        if answer.status == 206 and not stated.startswith(f"bytes {offset}-"):
            raise Unavailable(
                f"{address(self.source)} sent another part ({escaped(stated[:60])}) than that from byte {offset} on; "
                "try another mirror."
            )
        self._check_length(answer, begin)
        return begin

    def _check_length(self, answer: Answer, begin: int) -> None:
        length = answer.headers.get("content-length")
        if length is None:
            return
        if not length.isascii() or not length.isdigit() or len(length) > 18:
            raise Unavailable(
                f"{address(self.source)} states a size of {escaped(length[:60])}; expected a whole number."
            )
        if self.total is None:
            self.total = begin + int(length)
        elif self.total != begin + int(length):
            raise Unavailable(
                f"{address(self.source)} now has {begin + int(length)} bytes where {self.total} were "
                "published; it is another file."
            )

    def _append(self, answer: Answer, offset: int) -> None:
        try:
            # Unbuffered: after a cut, everything that came is in the file.
            with self.partial.open("r+b" if exists(self.partial, OutputError) else "wb", buffering=0) as file:
                file.truncate(offset)
                file.seek(offset)
                self.done = offset
                for chunk in _body_chunks(self.source, answer):
                    if self.stop.is_set():
                        return
                    self._check_room(len(chunk))
                    file.write(chunk)
                    self.done += len(chunk)
                os.fsync(file.fileno())
        except OSError as error:
            raise output_error(self.partial, error) from error

    def _check_room(self, coming: int) -> None:
        """Raise Unavailable, and delete what came, where more comes than was stated."""
        limit = self.total
        if limit is None:
            limit = _MOST_UNSTATED if self.about_bytes is None else self.about_bytes * 11 // 10 + _MOST_UNSTATED
        if self.done + coming > limit:
            self.partial.unlink(missing_ok=True)
            raise Unavailable(
                f"{address(self.source)} sends more than the {limit} bytes it should have. It is another file, or the "
                "mirror is broken; what came was deleted."
            )

    def _length(self) -> int:
        return self.partial.stat().st_size if is_file(self.partial, OutputError) else 0


def _body_chunks(source: Source, answer: Answer) -> Iterator[bytes]:
    """The body as it comes; an error of the network is kept apart from one of the disk."""
    try:
        yield from plain_chunks(source, answer)
    except DeepSoundError:
        raise
    except Exception as error:
        raise _Broken(f"{type(error).__name__}: {escaped(str(error)[:300])}") from error
