"""`--verbose` and `--log-file`, options of every command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from deepsound.cli.parser import subcommands


def add_logging_options(parser: argparse.ArgumentParser) -> None:
    """Add both flags to every command below `parser`."""
    for command in _commands(parser):
        command.add_argument(
            "-v", "--verbose", action="store_true", help="log messages of the libraries, and an error's traceback"
        )
        command.add_argument(
            "--log_file",
            "--log-file",
            metavar="FILE",
            help="append what is shown and logged to this file, with dates and tracebacks",
        )


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers that have no further commands below them, each once."""
    below = subcommands(parser)
    if not below:
        yield parser
    for command in dict.fromkeys(below.values()):
        yield from _commands(command)
