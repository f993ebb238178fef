"""`deepsound calibrate`: judges measured on a labelled folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.calibrate.report import Calibration

DESCRIPTION = """\
Judges every clip of a labelled folder by its own sound and compares the verdicts with the labels: accuracy per
category, Cohen's kappa with the labels and between judges, seconds per clip and peak memory. Labels are folders named
Yes, No1, No2, No3 or No, or a labels.csv with the columns video and label. Writes calibration.json, .md and .png.
"""


def add_calibrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add `calibrate` to the command line; how networks are run is added by the caller."""
    command = commands.add_parser(
        "calibrate",
        help="measure judges on labelled clips",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    # Folders of models are named with --weights here; these are flags of a run.
    command.set_defaults(command=_calibrate, reasoner="", step0_model_dir=None, step2_model_dir=None)
    command.add_argument("clips", metavar="FOLDER", help="the labelled clips")
    command.add_argument(
        "--judge",
        action="append",
        metavar="NAME",
        help="a reasoner, or several as one such as rules+videollama2_cot; may be given again (default: rules)",
    )
    command.add_argument("-o", "--out", default="calibration", metavar="DIR", help="where the report goes")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")
    return command


def _calibrate(options: argparse.Namespace) -> int:
    from deepsound import engines
    from deepsound.calibrate.labels import labelled_clips
    from deepsound.calibrate.report import calibration
    from deepsound.calibrate.run import judge_all
    from deepsound.cli.evaluate import progress_on_stderr
    from deepsound.cli.formatting import print_json
    from deepsound.cli.run import execution_of
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.media.files import require_writable

    names = dict.fromkeys(engines.require("reasoner", name).name for name in options.judge or ["rules"])
    clips = labelled_clips(Path(expand(options.clips)))
    require_writable(Path(expand(options.out)))
    execution = execution_of(options)
    judges = {name: engines.reasoner(name, execution) for name in names}
    with cancel_on_signal() as token, progress_on_stderr(options.quiet, token.check) as progress:
        report = calibration(judge_all(judges, clips, progress))
    _write(Path(expand(options.out)), report)
    if options.json:
        print_json("calibration", report.to_json())
    elif not options.quiet:
        print(report.to_markdown(), end="")
    failed = [f"{one.judge}: {why}" for one in report.figures for why in one.failed]
    for line in failed:
        print(line, file=sys.stderr)
    return SOME_FAILED if failed else 0


def _write(folder: Path, report: Calibration) -> None:
    from deepsound.media.files import atomic_write, output_error
    from deepsound.media.png import write_png
    from deepsound.runtime.json_files import json_bytes

    try:
        for name, content in (
            ("calibration.json", json_bytes(report.to_json())),
            ("calibration.md", report.to_markdown().encode()),
        ):
            with atomic_write(folder / name) as partial:
                partial.write_bytes(content)
    except OSError as error:
        raise output_error(folder, error) from error
    write_png(report.chart(), folder / "calibration.png")
