"""Signal handling: immediate exit during start-up, a clean stop once a run works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import Cancelled

if TYPE_CHECKING:
    from types import FrameType

    from deepsound.runtime.progress import CancelToken

# Imported before a run has anything to clean up: a second or more, in which a clean stop could not be obeyed.
_RUN_IMPORTS = ("torch", "av", "deepsound.pipeline", "deepsound.media.loudness", "deepsound.separate.roformer")


def exit_on_signals() -> None:
    """From here on a signal ends the process at once with exit code 130; for a program that has nothing to clean up."""
    for number in _numbers():
        signal.signal(number, _exit_now)


@contextmanager
def cancel_on_signal(imports: Sequence[str] = _RUN_IMPORTS) -> Iterator[CancelToken]:
    """The first Ctrl-C, SIGTERM or SIGHUP asks the work to stop cleanly, the second stops Python where it is.

    `imports` are modules the work needs, imported before: until then a signal ends the process at once.
    """
    for name in imports:
        # One that is missing is reported where it is needed.
        with suppress(ImportError):
            import_module(name)
    from deepsound.runtime.progress import CancelToken

    token = CancelToken()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        token.cancel()

    before = {number: signal.signal(number, ask_to_stop) for number in _numbers()}
    try:
        yield token
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def kept_when_cancelled(folder: Path) -> Iterator[None]:
    """Make a Cancelled say that work which is resumed leaves its progress in `folder`."""
    try:
        yield
    except Cancelled:
        raise Cancelled(
            f"Cancelled: what is finished is kept in {folder}; run the same command again to go on."
        ) from None


def _numbers() -> list[signal.Signals]:
    """The signals that ask to stop; SIGHUP where it is not ignored, as `nohup` leaves it."""
    hangup = [number for number in (getattr(signal, "SIGHUP", None),) if number is not None]
    heeded = [number for number in hangup if signal.getsignal(number) is not signal.SIG_IGN]
    return [signal.SIGINT, signal.SIGTERM, *heeded]


def _exit_now(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"deepsound: stopped.\n")
    os._exit(Cancelled.exit_code)
