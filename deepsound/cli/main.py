"""The command line: settings, parsing and exit codes; imports nothing heavy."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsound.cli.commands import COMMANDS, build_parser
from deepsound.cli.process import (
    any_text_on_standard_streams,
    discard_stdout,
    expendable_stderr,
    flush_stdout,
    name_the_user,
    one_opencv_thread,
    open_standard_streams,
    require_stdout,
    stdout_for_json,
    tell,
)
from deepsound.cli.signals import exit_on_signals
from deepsound.errors import Cancelled, DeepSoundError, OutputError
from deepsound.runtime.environment import other_variables
from deepsound.runtime.settings_file import has_settings

if TYPE_CHECKING:
    from deepsound.cli.config import Setting

_TOP_LEVEL = {"-h", "--help", "-V", "--version"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors meant for people go to stderr as one message.

    Without `arguments` it is the program itself: those of the process, whose signals and streams are its own.
    """
    if arguments is None:
        open_standard_streams()
        expendable_stderr()
        exit_on_signals()
        name_the_user()
        one_opencv_thread()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with any_text_on_standard_streams():
            parser = _parser_for(given)
            configured = _configured(parser, given)
            options = parser.parse_args(_with_command(given))
            _mention_settings(configured, given, options)
            _mention_unread_variables(parser, options)
            # Not imported for `--help`, which answers at once.
            from deepsound.cli.logs import logging_as

            with logging_as(options):
                code = _run_command(options)
            flush_stdout()
    except DeepSoundError as error:
        tell(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        tell("stopped.")
        return Cancelled.exit_code
    except BrokenPipeError:
        # The reader of our output went away; there is nobody left to tell.
        discard_stdout()
        return DeepSoundError.exit_code
    except OSError as error:
        # A long text fills the stream's buffer before `flush_stdout`; files of a run raise OutputError.
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        discard_stdout()
        tell(f"Cannot write to stdout: {error.strerror}.")
        return OutputError.exit_code
    return code


def _run_command(options: argparse.Namespace) -> int:
    """The command's exit code; its error goes on, with a traceback in the log."""
    try:
        if not getattr(options, "json", False):
            return int(options.command(options))
        require_stdout("leave --json out")
        with stdout_for_json():
            return int(options.command(options))
    except DeepSoundError as error:
        import logging

        logging.getLogger("deepsound.cli").debug("%s", error, exc_info=True)
        raise


def _parser_for(given: list[str]) -> argparse.ArgumentParser:
    """The parser as far as a command line needs it: settings, completion and misspelt commands need all of it."""
    word = _with_command(given)[0]
    if "_ARGCOMPLETE" in os.environ:
        from deepsound.cli.completion import complete

        parser = build_parser()
        complete(parser)
        return parser
    if word in _TOP_LEVEL:
        return build_parser(())
    return build_parser((word,) if word in COMMANDS and not has_settings() else COMMANDS)


def _configured(parser: argparse.ArgumentParser, given: list[str]) -> list[Setting]:
    """The settings of files and the environment, made defaults; none for what only informs and must always answer."""
    if not given or given[0] in {*_TOP_LEVEL, "config", "doctor", "completion"} or not has_settings():
        return []
    from deepsound.cli.config import configure

    return configure(parser)


def _mention_settings(settings: list[Setting], given: list[str], options: argparse.Namespace) -> None:
    """Say which settings a command took from files: nobody has to guess why a run differs from its command line."""
    command = _with_command(given)[0]
    used = [setting for setting in settings if setting.command == command]
    if used and not getattr(options, "quiet", False):
        for source in dict.fromkeys(setting.source for setting in used):
            names = ", ".join(setting.name for setting in used if setting.source == source)
            tell(f"{names} as set in {source}, where no flag says otherwise")


def _mention_unread_variables(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Say which variables nothing reads: a misspelt one had no effect, and nobody said so."""
    if other_variables() and not getattr(options, "quiet", False):
        from deepsound.cli.config import unread_variables

        for sentence in unread_variables(parser):
            tell(sentence)


def _with_command(given: list[str]) -> list[str]:
    """The original's command lines name no command: `-i video.mp4 --mode s4` is `run`; no word at all is `--help`."""
    if not given:
        return ["--help"]
    if given[0].startswith("-") and given[0] not in _TOP_LEVEL:
        return ["run", *given]
    return given


if __name__ == "__main__":
    sys.exit(main())
