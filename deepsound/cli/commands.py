"""Table of the commands, and the parser with the options of those that are asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from deepsound import __version__
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.logging_options import add_logging_options
from deepsound.cli.parser import SuggestingParser

Commands = argparse._SubParsersAction  # generic in stubs alone


def _run(commands: Commands) -> None:
    from deepsound.cli.run_parser import add_run

    add_run(commands)


def _engines(commands: Commands) -> None:
    from deepsound.cli.engines import add_engines

    add_engines(commands)


def _prompts(commands: Commands) -> None:
    from deepsound.cli.prompts import add_prompts

    add_prompts(commands)


def _models(commands: Commands) -> None:
    from deepsound.cli.models import add_models

    add_models(commands)


def _app(commands: Commands) -> None:
    from deepsound.cli.app import add_app
    from deepsound.cli.run_options import add_execution_options

    add_execution_options(add_app(commands))


def _evaluate(commands: Commands) -> None:
    from deepsound.cli.evaluate import add_evaluate

    add_evaluate(commands)


def _batch(commands: Commands) -> None:
    from deepsound.cli.batch import add_batch
    from deepsound.cli.output_options import add_output_options
    from deepsound.cli.run_options import add_execution_options, add_generation_options, add_step_options

    add_batch(commands, add_step_options, add_generation_options, add_execution_options, add_output_options)


def _aligned_video(commands: Commands) -> None:
    from deepsound.cli.aligned_video import add_aligned_video
    from deepsound.cli.run_options import add_execution_options

    add_aligned_video(commands, add_execution_options)


def _comfy(commands: Commands) -> None:
    from deepsound.cli.comfy import add_comfy

    add_comfy(commands)


def _reproduce(commands: Commands) -> None:
    from deepsound.cli.reproduce import add_reproduce
    from deepsound.cli.run_options import add_execution_options

    add_execution_options(add_reproduce(commands))


def _compare(commands: Commands) -> None:
    from deepsound.cli.compare import add_compare

    add_compare(commands)


def _calibrate(commands: Commands) -> None:
    from deepsound.cli.calibrate import add_calibrate
    from deepsound.cli.run_options import add_execution_options

    add_execution_options(add_calibrate(commands))


def _train(commands: Commands) -> None:
    from deepsound.cli.train import add_train

    add_train(commands)


def _cache(commands: Commands) -> None:
    from deepsound.cli.cache import add_cache

    add_cache(commands)


def _config(commands: Commands) -> None:
    from deepsound.cli.config import add_config

    add_config(commands, build_parser)


def _doctor(commands: Commands) -> None:
    from deepsound.cli.doctor import add_doctor

    add_doctor(commands)


def _completion(commands: Commands) -> None:
    from deepsound.cli.completion import add_completion

    add_completion(commands)


# A command's line in `deepsound --help`, and what adds it and those of the same module; a test compares the lines.
COMMANDS: dict[str, tuple[str, Callable[[Commands], None]]] = {
    "run": ("give a video its finished sound", _run),
    "engines": ("list the engines of each step, or what one of them knows", _engines),
    "prompts": ("list the prompt presets, for --prompt-preset", _prompts),
    "models": ("list, find, fetch, check and convert weights", _models),
    "app": ("serve a page to do it all in a browser", _app),
    "evaluate": ("measure folders of clips: published metrics and voice rates", _evaluate),
    "batch": ("give many videos their finished sound", _batch),
    "audio-to-video": ("make a video that goes with a sound", _aligned_video),
    "joint": ("make a video and its sound from words", _aligned_video),
    "comfy": ("work through running ComfyUI servers", _comfy),
    "reproduce": ("the paper's evaluation of a folder of clips: systems, VO-Free set, tables", _reproduce),
    "compare": ("show what was generated, kept and removed, to look at and share", _compare),
    "calibrate": ("measure judges on labelled clips", _calibrate),
    "train": ("make training data; train reasoner, separator and generator", _train),
    "cache": ("size, content and pruning of the cache folder", _cache),
    "config": ("settings from files and the environment, with the source of each", _config),
    "doctor": ("what this installation has and lacks, to read or to paste into a bug report", _doctor),
    "completion": ("print what makes a shell complete this command line", _completion),
}


def build_parser(whole: Iterable[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The command line's parser, with the options of the commands in `whole`."""
    parser: argparse.ArgumentParser = SuggestingParser(
        prog="deepsound",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
        description="Sound for silent video, without the voices nobody asked for (DeepSound-V1, arXiv 2503.22208).",
    )
    parser.add_argument("-V", "--version", action="version", version=f"deepsound {__version__}")
    _add_commands(parser.add_subparsers(required=True, metavar="COMMAND"), whole)
    add_logging_options(parser)
    return parser


def _add_commands(commands: Commands, whole: Iterable[str]) -> None:
    """Add every command, those in `whole` with their options and the others by name and line alone."""
    adders = {COMMANDS[name][1] for name in whole}
    added: set[Callable[[Commands], None]] = set()
    for name, (line, add) in COMMANDS.items():
        if add not in adders:
            commands.add_parser(name, help=line)
        elif add not in added:
            added.add(add)
            add(commands)
