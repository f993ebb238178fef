"""Options of `deepsound run`."""

from __future__ import annotations

import argparse

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.output_options import add_output_options
from deepsound.cli.run_options import add_execution_options, add_generation_options, add_step_options

RUN_DESCRIPTION = """\
A video goes in, the finished video comes out: plan, generate (step 1), judge whether there is voice-over (step 2),
remove it (step 3), fall back if silence is left (step 4). Files are left in the output folder as <stem>.step1.wav,
<stem>.step3.wav, <stem>.neg.wav, <stem>.wav, <stem>.mp4 and <stem>.result.json, and only when the whole run succeeds.
The flags of the original project's demo.py are accepted unchanged.
"""


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run` to the command line."""
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
        help="say which engines, weights, memory, time and files the run would take, and do nothing",
    )
    add_step_options(run)
    add_generation_options(run)
    add_execution_options(run)
    add_output_options(run)


def _run(options: argparse.Namespace) -> int:
    from deepsound.cli.run import run

    return run(options)
