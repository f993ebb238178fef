"""Options of `deepsound run` for its results: folder, names, container, length, extras."""

from __future__ import annotations

import argparse

from deepsound.cli.option_types import loudness

# The names of tables in deepsound.media and deepsound.outputs, whose import is too heavy for `--help`; a test
# compares them.
CONTAINERS = ("auto", "mp4", "mov", "webm", "mkv")
LENGTHS = ("hold", "trim", "loop", "as_is")
STEM_FORMATS = ("wav", "flac")
DEFAULT_TEMPLATE = "{stem}"


def add_output_dir(command: argparse.ArgumentParser) -> None:
    """Add the folder that results go to."""
    command.add_argument(
        "-o",
        "--output_dir",
        "--output-dir",
        "--out",
        default="outputs",
        metavar="DIR",
        help="where the files go (default: %(default)s)",
    )


def add_output_options(run: argparse.ArgumentParser) -> None:
    """Add where results go, their names, and what of the source they keep."""
    add_output_dir(run)
    run.add_argument(
        "--output_template",
        "--output-template",
        default=DEFAULT_TEMPLATE,
        metavar="TEMPLATE",
        help="how a run's files are named, as in '{stem}.{seed}' (default: {stem}, so that another seed replaces them)",
    )
    run.add_argument(
        "--no_overwrite",
        "--no-overwrite",
        action="store_true",
        help="end before any work where a result of that name is there (default: it is replaced)",
    )
    run.add_argument("--skip_final_video", "--skip-final-video", action="store_true", help="leave only the sound")
    run.add_argument(
        "--loudness",
        type=loudness,
        metavar="LUFS",
        help="bring the final sound to this loudness, true peak at most -1 dBTP (default: measured, not changed)",
    )
    run.add_argument(
        "--container",
        default="auto",
        metavar="NAME",
        help=f"of the video: {', '.join(CONTAINERS)} (default: auto, the source's where that keeps the picture)",
    )
    run.add_argument(
        "--length",
        default="hold",
        metavar="POLICY",
        help="where the sound is longer than the picture: hold the last picture, trim the sound, loop the picture, or "
        f"leave both as_is ({', '.join(LENGTHS)}; default: %(default)s)",
    )
    _add_extra_options(run)
    run.add_argument("--pictures", action="store_true", help="also draw waveforms and mel spectrograms as PNG")
    run.add_argument("--json", action="store_true", help="print the result record on stdout")
    run.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def _add_extra_options(run: argparse.ArgumentParser) -> None:
    """Add what is left beside the result: videos of the steps, stems, a timeline."""
    run.add_argument(
        "--step_videos",
        "--step-videos",
        action="store_true",
        help="also leave the picture under the sound of each step: <stem>.step1.mp4, <stem>.step3.mp4, <stem>.neg.mp4",
    )
    run.add_argument(
        "--stems",
        action="store_true",
        help="also leave the removed voice, <stem>.voice.wav, and every sound as a file of one rate and length for an "
        "editor: <stem>.01_final.wav, <stem>.02_coarse.wav, <stem>.03_voice.wav, ...",
    )
    run.add_argument(
        "--stem_format",
        "--stem-format",
        choices=STEM_FORMATS,
        default=STEM_FORMATS[0],
        help="of these files: wav in 32-bit float, flac in 24 bit (default: %(default)s)",
    )
    run.add_argument(
        "--otio",
        action="store_true",
        help="with the stems leave a timeline of picture, stems and repaired spans, <stem>.otio, which DaVinci "
        "Resolve, Premiere and others open (needs opentimelineio)",
    )
