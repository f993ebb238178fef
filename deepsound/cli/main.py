"""Argument parser and exit codes; imports nothing heavy, so `--help` answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deepsound import __version__
from deepsound.cli.aligned_video import add_aligned_video
from deepsound.cli.app import add_app
from deepsound.cli.batch import add_batch
from deepsound.cli.cache import add_cache
from deepsound.cli.calibrate import add_calibrate
from deepsound.cli.comfy import add_comfy
from deepsound.cli.compare import add_compare
from deepsound.cli.completion import add_completion, complete
from deepsound.cli.config import Setting, add_config, configure
from deepsound.cli.doctor import add_doctor
from deepsound.cli.evaluate import add_evaluate
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.logging_options import add_logging_options
from deepsound.cli.models import add_models
from deepsound.cli.output_options import add_output_options
from deepsound.cli.parser import SuggestingParser
from deepsound.cli.process import (
    any_text_on_standard_streams,
    discard_stdout,
    expendable_stderr,
    flush_stdout,
    name_the_user,
    open_standard_streams,
    require_stdout,
    stdout_for_json,
    tell,
)
from deepsound.cli.prompts import add_prompts
from deepsound.cli.reproduce import add_reproduce
from deepsound.cli.run_options import (
    add_execution_options,
    add_generation_options,
    add_step_options,
)
from deepsound.cli.signals import exit_on_signals
from deepsound.cli.train import add_train
from deepsound.errors import Cancelled, DeepSoundError

_TOP_LEVEL = {"-h", "--help", "-V", "--version"}
RUN_DESCRIPTION = """\
A video goes in, the finished video comes out: plan, generate (step 1), judge whether there is voice-over (step 2),
remove it (step 3), fall back if silence is left (step 4). Files are left in the output folder as <stem>.step1.wav,
<stem>.step3.wav, <stem>.neg.wav, <stem>.wav, <stem>.mp4 and <stem>.result.json, and only when the whole run succeeds.
The flags of the original project's demo.py are accepted unchanged.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors meant for people go to stderr as one message.

    Without `arguments` it is the program itself: those of the process, whose signals and streams are its own.
    """
    if arguments is None:
        open_standard_streams()
        expendable_stderr()
        exit_on_signals()
        name_the_user()
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with any_text_on_standard_streams():
            parser = build_parser()
            complete(parser)
            configured = _configured(parser, given)
            options = parser.parse_args(_with_command(given))
            _mention_settings(configured, given, options)
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


def build_parser() -> argparse.ArgumentParser:
    """The whole command line's parser."""
    parser: argparse.ArgumentParser = SuggestingParser(
        prog="deepsound",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
        description="Sound for silent video, without the voices nobody asked for (DeepSound-V1, arXiv 2503.22208).",
    )
    parser.add_argument("-V", "--version", action="version", version=f"deepsound {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_engines(commands)
    add_prompts(commands)
    add_models(commands)
    add_execution_options(add_app(commands))
    add_evaluate(commands)
    add_batch(commands, add_step_options, add_generation_options, add_execution_options, add_output_options)
    add_aligned_video(commands, add_execution_options)
    add_comfy(commands)
    add_execution_options(add_reproduce(commands))
    add_compare(commands)
    add_execution_options(add_calibrate(commands))
    add_train(commands)
    add_cache(commands)
    add_config(commands, build_parser)
    add_doctor(commands)
    add_completion(commands)
    add_logging_options(parser)
    return parser


def _configured(parser: argparse.ArgumentParser, given: list[str]) -> list[Setting]:
    """The settings of files and the environment, made defaults; none for what only informs and must always answer."""
    return [] if not given or given[0] in {*_TOP_LEVEL, "config", "doctor", "completion"} else configure(parser)


def _mention_settings(settings: list[Setting], given: list[str], options: argparse.Namespace) -> None:
    """Say which settings a command took from files: nobody has to guess why a run differs from its command line."""
    command = _with_command(given)[0]
    used = [setting for setting in settings if setting.command == command]
    if used and not getattr(options, "quiet", False):
        for source in dict.fromkeys(setting.source for setting in used):
            names = ", ".join(setting.name for setting in used if setting.source == source)
            tell(f"{names} as set in {source}, where no flag says otherwise")


def _with_command(given: list[str]) -> list[str]:
    """The original's command lines name no command: `-i video.mp4 --mode s4` is `run`; no word at all is `--help`."""
    if not given:
        return ["--help"]
    if given[0].startswith("-") and given[0] not in _TOP_LEVEL:
        return ["run", *given]
    return given


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run",
        help="give a video its finished sound",
        description=RUN_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    run.set_defaults(command=_run)
    run.add_argument(
        "video",
        nargs="*",
        help="the video files, or patterns such as 'clips/*.mp4'; of a picture (.png, .jpg, ...) step 1 alone makes "
        "sound",
    )
    run.add_argument("-i", "--video_input", "--video-input", dest="video_input", help="the video file, as a flag")
    run.add_argument(
        "--text_only",
        "--text-only",
        action="store_true",
        help="no video: step 1 makes --duration seconds of sound of --prompt alone (with mmaudio_*)",
    )
    run.add_argument(
        "--dry_run",
        "--dry-run",
        action="store_true",
        help="say which engines, weights, memory and files the run would take, and do nothing",
    )
    add_step_options(run)
    add_generation_options(run)
    add_execution_options(run)
    add_output_options(run)


def _add_engines(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    engines = commands.add_parser(
        "engines",
        help="list the engines of each step, or what one of them knows",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    engines.add_argument("name", nargs="?", metavar="NAME", help="this engine alone, with the words it knows")
    engines.add_argument("--json", action="store_true", help="print the list as JSON")
    engines.set_defaults(command=_engines)


def _run(options: argparse.Namespace) -> int:
    from deepsound.cli.run import run

    return run(options)


def _engines(options: argparse.Namespace) -> int:
    from deepsound.cli.engines import show

    return show(options)


if __name__ == "__main__":
    sys.exit(main())
