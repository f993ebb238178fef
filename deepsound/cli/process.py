"""Process set-up: standard streams that are closed, full or narrow; nameless users."""

from __future__ import annotations

import getpass
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO

from deepsound.errors import OutputError

# Where results go while `stdout_for_json` holds, the innermost last.
_kept_stdout: list[TextIO] = []


def open_standard_streams() -> None:
    """Give descriptors 0 to 2 that are closed to the null device: a result's file must not become one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


class ExpendableStream:
    """A text stream whose loss ends nothing: once it cannot be written to, what goes there is dropped.

    A terminal that was closed (EIO), a pipe whose reader has gone (EPIPE) and a full disk are such losses. The
    descriptor is then the null device, also for libraries that write to it themselves.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        try:
            return self._stream.write(text)
        except OSError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Write out what was written, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            self._drop()

    def writelines(self, lines: Iterable[str]) -> None:
        """Write every one of `lines`, or drop them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _drop(self) -> None:
        _lead_to_null(self._stream)


def expendable_stderr() -> None:
    """Let a run go on to its results where nobody reads its progress any more."""
    if sys.stderr is not None:
        sys.stderr = ExpendableStream(sys.stderr)


def name_the_user() -> None:
    """Give a user without a name, as containers have, one for libraries that ask for it and end in a KeyError."""
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        os.environ["LOGNAME"] = f"user{os.getuid()}" if hasattr(os, "getuid") else "user"


def one_opencv_thread() -> None:
    """Let OpenCV work in the thread that calls it, unless the environment says otherwise.

    The pictures that motion is measured on are so small that its helpers mostly wait, busily, and other stages of the
    same work have use for the cores. What it computes does not depend on it.
    """
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")


@contextmanager
def any_text_on_standard_streams() -> Iterator[None]:
    """Inside, characters that a stream's encoding lacks are written as escapes instead of ending the program."""
    changed = []
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            changed.append((reconfigure, stream.errors))
            reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for reconfigure, errors in changed:
            with suppress(OSError, ValueError):
                reconfigure(errors=errors)


def require_stdout(otherwise: str) -> None:
    """Refuse before the work what would be printed after it to a stdout that nobody can read.

    Raises OutputError for one that is closed or open for reading alone, ending in what to do `otherwise`, and
    BrokenPipeError for a pipe whose reader has gone.
    """
    try:
        descriptor = sys.stdout.fileno() if sys.stdout is not None else None
    except (OSError, ValueError):
        return
    if descriptor is None or _is_read_only(descriptor):
        closed = "closed" if descriptor is None else "open for reading alone"
        raise OutputError(f"The result cannot be printed: stdout is {closed}; open it, or {otherwise}.")
    if _has_lost_its_reader(descriptor):
        raise BrokenPipeError


def _is_read_only(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def _has_lost_its_reader(descriptor: int) -> bool:
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


@contextmanager
def stdout_for_json() -> Iterator[None]:
    """Keep stdout for `print_json`: what libraries print there meanwhile, as Ray of its workers, goes to stderr."""
    _kept_stdout.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept_stdout.pop()


def real_stdout() -> TextIO | None:
    """The stream that results are printed on."""
    return _kept_stdout[-1] if _kept_stdout else sys.stdout


def flush_stdout() -> None:
    """Write out what was printed. Raises OutputError where stdout takes no more, BrokenPipeError without a reader."""
    try:
        if (stream := real_stdout()) is not None:
            stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_stdout()
        raise OutputError(f"Cannot write to stdout: {error.strerror}; the files, if any, are written.") from error


def discard_stdout() -> None:
    """Let what is still to be written to stdout go nowhere, so that the end of Python does not fail on it."""
    _lead_to_null(real_stdout())


def _lead_to_null(stream: TextIO | None) -> None:
    """Make a stream's descriptor the null device; nothing for a stream without one."""
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())  # type: ignore[union-attr]
        os.close(null)


def tell(text: str) -> None:
    """One message for a person on stderr, where there is one."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(f"deepsound: {text}", file=sys.stderr, flush=True)
