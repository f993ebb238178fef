"""Logs of a command: messages on stderr and in a file, as `--verbose` and `--log-file` say."""

from __future__ import annotations

import argparse
import logging
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deepsound import __version__
from deepsound.errors import OutputError
from deepsound.runtime.paths import expand

# What a display prints, in plain text: it is on the terminal already, so that it goes into the file alone.
shown = logging.getLogger("deepsound.shown")
_FILE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_TERMINAL_FORMAT = "%(name)s: %(message)s"


@contextmanager
def logging_as(options: argparse.Namespace) -> Iterator[None]:
    """Log as the flags say while a command runs. Raises OutputError for a log file that cannot be written."""
    handlers = [*_file_handlers(getattr(options, "log_file", None)), _terminal_handler(options)]
    root = logging.getLogger()
    before = [(logger, logger.level) for logger in (root, logging.getLogger("deepsound"), shown)]
    verbose = len(handlers) > 1 or getattr(options, "verbose", False)
    for logger, level in zip((root, logging.getLogger("deepsound")), (logging.INFO, logging.DEBUG), strict=True):
        logger.setLevel(level if verbose else logger.level)
    for handler in handlers:
        root.addHandler(handler)
    logging.getLogger("deepsound").debug(
        "DeepSound %s, Python %s, %s: %s", __version__, platform.python_version(), platform.platform(), sys.argv[1:]
    )
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        for logger, level in before:
            logger.setLevel(level)


def is_verbose() -> bool:
    """Whether log messages go to the terminal, where bars would be drawn over them."""
    return any(
        isinstance(handler, _Terminal) and handler.level <= logging.DEBUG for handler in logging.getLogger().handlers
    )


class _Terminal(logging.StreamHandler):
    """Log messages on stderr, but for those that were shown there."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name != shown.name and bool(super().filter(record))


def _terminal_handler(options: argparse.Namespace) -> logging.Handler:
    handler = _Terminal()
    verbose, quiet = getattr(options, "verbose", False), getattr(options, "quiet", False)
    handler.setLevel(logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING)
    handler.setFormatter(logging.Formatter(_TERMINAL_FORMAT if verbose else "%(message)s"))
    return handler


def _file_handlers(path: str | None) -> list[logging.Handler]:
    if not path:
        return []
    try:
        handler = logging.FileHandler(expand(path), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"The log file {path!r} cannot be written: {error.strerror or error}; name another --log-file."
        ) from error
    handler.setFormatter(logging.Formatter(_FILE_FORMAT))
    return [handler]
