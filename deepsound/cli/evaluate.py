"""`deepsound evaluate`: published metrics and voice rates of folders of clips."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.errors import Cancelled
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.evaluate.report import EvaluationReport
    from deepsound.runtime.progress import Progress

DESCRIPTION = """\
Measures one or several folders of generated clips against one reference: FD_PaSST, FD_PANNs, FD_VGG, KL_PANNs,
KL_PaSST, IS, IB, DeSync as published tables do, AV-Align as its script does (on pictures of at most 320 pixels) and
ImpactSync, its form with floors (without OpenCV, AV-Align takes some 17 s of processor time for 8 s of video in place
of one); and what tables leave out: the share of clips and of time with a human voice, before
and after its removal, LUFS, true peak and silence. Folders may hold sounds, videos, or what `deepsound
run` and `deepsound batch` left. Features are kept by content: run the same command again and only new files are
computed, after Ctrl-C too. Metrics whose weights are not on this machine are named, with the command that fetches
them; the others are computed.
"""


def add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `evaluate` to the command line."""
    parser = commands.add_parser(
        "evaluate",
        help="measure folders of clips: published metrics and voice rates",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    parser.set_defaults(command=_evaluate)
    parser.add_argument("predicted", nargs="+", metavar="PRED", help="a folder of generated clips, or several")
    parser.add_argument("--gt", metavar="DIR", help="the reference set: sounds, or videos with their sound")
    parser.add_argument(
        "--gt-name",
        default="",
        metavar="TEXT",
        help="what the reference set is, for the report, such as 'VGGSound test, voice-free'",
    )
    parser.add_argument(
        "--before",
        metavar="DIR",
        help="the sounds from before the voice was removed, where the folders are not a run's own",
    )
    parser.add_argument("--also-before", action="store_true", help="score those sounds too, as a set of their own")
    parser.add_argument(
        "--groups",
        metavar="CSV",
        help="a table with a column `name` and one `group` (voice-over, on-screen or any other word), "
        "by which voice rates are split; a run's own records say it otherwise",
    )
    _add_protocol(parser)
    _add_execution(parser)


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--duration",
        type=float,
        default=None,
        metavar="SECONDS",
        help="seconds of each clip that the networks analyse (default: 8, as published)",
    )
    parser.add_argument("--unpaired", action="store_true", help="FD_PaSST of all clips, not of those with a partner")
    parser.add_argument(
        "--clean-names",
        action="store_true",
        help="the published clean-up of names: cuts names of 18, 20, 21 and 30 characters to an id",
    )
    parser.add_argument(
        "--only", default="", metavar="NAME,...", help="some of the metrics, voice and levels (default: all)"
    )


def _add_execution(parser: argparse.ArgumentParser) -> None:
    # A run's own flags, which say how networks are run, beside which these are read.
    parser.set_defaults(precision="fp32", offload=False, reasoner="", step0_model_dir=None, step2_model_dir=None)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    parser.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="ID=PATH",
        help="a file for one entry of `deepsound models list`; may be given several times",
    )
    parser.add_argument(
        "--models",
        action="append",
        default=[],
        metavar="DIR",
        help="a folder to look for weights in, such as ComfyUI's models; may be given several times",
    )
    parser.add_argument("--download", action="store_true", help="fetch weights that are nowhere on this machine")
    parser.add_argument("--cache", metavar="DIR", help="where features are kept (default: in the project's own cache)")
    parser.add_argument(
        "-o", "--out", metavar="DIR", help="leave report.json, scores.csv, clips.csv and scores.png there"
    )
    parser.add_argument("--json", action="store_true", help="print the report on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no table, only errors")


def _evaluate(options: argparse.Namespace) -> int:
    from deepsound.cli.evaluate_table import show_report
    from deepsound.cli.formatting import print_json
    from deepsound.cli.process import require_stdout
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.evaluate.files import write_report
    from deepsound.media.files import require_writable

    if options.out:
        require_writable(Path(expand(options.out)))
    elif not options.quiet:
        require_stdout("name a folder with --out")
    with cancel_on_signal() as token, progress_on_stderr(options.quiet, token.check) as progress:
        try:
            report = _report(options, progress)
        except Cancelled:
            raise Cancelled(
                "Cancelled: there is no report yet; the features computed so far are kept. Run the same command again "
                "to go on."
            ) from None
    paths = write_report(report, expand(options.out)) if options.out else ()
    if options.json:
        print_json("evaluation", report.to_json())
    elif not options.quiet:
        show_report(report, paths)
    return 0


def _report(options: argparse.Namespace, progress: Progress) -> EvaluationReport:
    from deepsound.cli.run import execution_of
    from deepsound.evaluate.clips import read_groups
    from deepsound.evaluate.evaluation import EvaluationSettings, evaluate, find_sets
    from deepsound.evaluate.extractors import DURATION_S

    settings = EvaluationSettings(
        DURATION_S if options.duration is None else options.duration,
        not options.unpaired,
        options.clean_names,
        tuple(name.strip() for name in options.only.split(",") if name.strip()),
        options.also_before,
    )
    sets = find_sets(
        [expand(folder) for folder in options.predicted],
        _path(options.gt),
        options.gt_name,
        _path(options.before),
        read_groups(Path(options.groups)) if options.groups else None,
        settings,
    )
    return evaluate(sets, settings, execution_of(options), _path(options.cache), progress)


@contextmanager
def progress_on_stderr(quiet: bool, check: Callable[[], None]) -> Iterator[Progress]:
    """Progress on stderr: a line for each stage that is done, and on a terminal a bar with the time that is left."""
    from rich.progress import Progress as Bars

    from deepsound.cli.display import Display
    from deepsound.cli.terminal import LoggedConsole, bar_columns
    from deepsound.runtime.progress import Progress

    console = LoggedConsole(quiet)
    if not console.has_bars:
        yield Progress(Display(console, None).show, check)
        return
    with Bars(*bar_columns(), console=console, transient=True) as bars:
        yield Progress(Display(console, bars).show, check)


def _path(text: str | None) -> Path | None:
    return expand(text) if text else None
