"""`deepsound reproduce`: the paper's evaluation of a folder of clips in one command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.cli.evaluate import progress_on_stderr
from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.evaluate.report import EvaluationReport
    from deepsound.reproduce.run import MakeWorkers
    from deepsound.reproduce.settings import ReproductionSettings
    from deepsound.reproduce.tables import JudgeRow, SystemRow
    from deepsound.runtime.progress import Progress

DESCRIPTION = """\
Makes Direct, Direct-neg, Ours-s3, Ours-s4-rm, -rep and -neg of every clip from one coarse sound per clip, generator and
seed, the VO-Free set from the ground truth, and the rows of the paper's Tables 1 to 3 with the published numbers beside
the measured ones, voice rates included (IH@vid, IH@dur). What is done is left as it is: the same command goes on where
it stopped, and each --shard of a folder can run on a machine of its own before one run without --shard makes the
tables.
"""


def add_reproduce(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add `reproduce` to the command line; how networks are run is added by the caller."""
    parser = commands.add_parser(
        "reproduce",
        help="the paper's evaluation of a folder of clips: systems, VO-Free set, tables",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    # Folders of models are named with --weights here; these are flags of a run.
    parser.set_defaults(command=_reproduce, reasoner="", step0_model_dir=None, step2_model_dir=None)
    parser.add_argument("clips", metavar="FOLDER", help="the videos, or a table of them")
    parser.add_argument("--gt", required=True, metavar="DIR", help="the ground truth: videos or sounds of those names")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="where everything is left")
    parser.add_argument(
        "--generators", default="draft", metavar="NAME,...", help="generators to compare (default: draft)"
    )
    parser.add_argument("--judge", default="rules", metavar="NAME", help="the judge of the systems (default: rules)")
    parser.add_argument(
        "--judges", default="", metavar="NAME,...", help="further judges for Table 3, such as videollama2_qa"
    )
    parser.add_argument("--separator", default="bs_roformer_tiny", metavar="NAME", help="the separator of step 3")
    parser.add_argument("--seeds", default="42", metavar="N,...", help="one set of rows per seed (default: 42)")
    parser.add_argument(
        "--protocol",
        choices=("av-benchmark", "paper"),
        default="av-benchmark",
        help="clip length: 8 s as av-benchmark scores (default), or the paper's 10 s",
    )
    parser.add_argument(
        "--figure",
        default="",
        metavar="NAME,...",
        help="also draw the paper's Figure 6 of these clips: frames, spectrograms of ground truth, coarse and final "
        "sound, and the reasoning, as figures/NAME.png and .pdf",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="make the clips on Ray: a cluster's address, `auto` for the one that runs here; without one, a cluster is "
        "started on this machine for the purpose",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="how many, on Ray")
    parser.add_argument("--steps", type=int, help="the generators' sampling steps (default: their own)")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="only every Nth clip, beginning with the Ith")
    parser.add_argument("--only", default="", metavar="NAME,...", help="some of the metrics, voice and levels")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON on stdout")
    parser.add_argument("--quiet", action="store_true", help="no progress and no tables, only errors")
    return parser


def _reproduce(options: argparse.Namespace) -> int:
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.reproduce.omissions import as_markdown
    from deepsound.reproduce.tables import as_json, markdown

    with cancel_on_signal() as token, progress_on_stderr(options.quiet, token.check) as progress:
        failed = _run_clips(options, progress.part(0.0, 0.6))
        if options.shard != "1/1":
            _say(options, f"Shard {options.shard} is done; run without --shard for the tables.")
            return SOME_FAILED if failed else 0
        rows, judges, left_out = _tables(options, progress.part(0.6, 0.95))
        _figures(options, progress.part(0.95, 1.0))
    notes = as_markdown(left_out, _protocol_summary(options))
    _write(Path(expand(options.out)), rows, judges, left_out, notes)
    if options.json:
        print_json({**as_json(rows, judges), "omissions": list(left_out)})
    elif not options.quiet:
        print(markdown(rows, judges) + notes, end="")
    for name, why in failed.items():
        _say(options, f"{name}: {why}", always=True)
    return SOME_FAILED if failed else 0


def _run_clips(options: argparse.Namespace, progress: Progress) -> dict[str, str]:
    """Make every generator's systems; the reasons of clips that failed, by generator, seed and name."""
    from deepsound.batch.clips import Shard
    from deepsound.reproduce.run import run_clips

    failed: dict[str, str] = {}
    every = _every(options)
    for number, settings in enumerate(every):
        part = progress.part(number / len(every), (number + 1) / len(every)).at(f"clips {settings.generator}")
        shard = Shard.parse(options.shard)
        folder = _folder(options, settings)
        tally = run_clips(expand(options.clips), folder, settings, shard, part, _ray_workers(options))
        part.finish(f"{tally.made} made, {tally.found} found done, {len(tally.failed)} failed", 0.0)
        failed |= {f"{settings.generator} {settings.seed} {name}": why for name, why in tally.failed.items()}
    return failed


def _ray_workers(options: argparse.Namespace) -> MakeWorkers | None:
    """What makes the workers on Ray; None for this process. Raises InputError for a number of workers that is none."""
    from deepsound.errors import InputError

    if options.workers is not None and (options.ray is None or options.workers < 1):
        raise InputError(f"--workers {options.workers} needs --ray and must be 1 or more; without Ray, use --shard.")
    if options.ray is None:
        return None
    from deepsound.batch.ray_workers import RayWorkers

    return lambda work, folder: RayWorkers(work, folder, options.ray or None, options.workers)


def _figures(options: argparse.Namespace, progress: Progress) -> None:
    """Figure 6 of the clips that were named, for every generator and seed. Raises InputError for an unknown clip."""
    from deepsound.errors import InputError
    from deepsound.reproduce.figure import FOLDER, figure_of, write_figure
    from deepsound.reproduce.run import records_of

    for settings in _every(options):
        folder = _folder(options, settings)
        for name in filter(None, map(str.strip, options.figure.split(","))):
            record = records_of(folder, settings.fingerprint()).get(name)
            if record is None:
                raise InputError(f"The figure {name!r} is of no clip that was made; name one of {options.clips}.")
            figure = figure_of(name, record, folder, expand(options.gt), settings.reasoner)
            write_figure(figure, folder / FOLDER / name, progress)


def _protocol_summary(options: argparse.Namespace) -> dict[str, object]:
    from deepsound.reproduce.settings import DURATIONS_S

    seconds = DURATIONS_S[options.protocol]
    return {
        "protocol": f"{options.protocol}, the first {seconds:g} s of every clip",
        "judge": options.judge,
        "separator": options.separator,
        "seeds": options.seeds,
    }


def _tables(options: argparse.Namespace, progress: Progress) -> tuple[list[SystemRow], list[JudgeRow], tuple[str, ...]]:
    from deepsound.evaluate.clips import find_clips
    from deepsound.evaluate.evaluation import EvaluationSettings
    from deepsound.reproduce.omissions import omissions
    from deepsound.reproduce.run import records_of
    from deepsound.reproduce.settings import DURATIONS_S
    from deepsound.reproduce.tables import ORIGINAL, VOICE_FREE, judge_rows, system_rows
    from deepsound.reproduce.vo_free import SOUNDS, make_vo_free

    out, every = Path(expand(options.out)), _every(options)
    make_vo_free(expand(options.gt), out, every[0], progress.part(0.0, 0.3).at("VO-Free set"))
    references = {ORIGINAL: Path(expand(options.gt)), VOICE_FREE: out / SOUNDS}
    only = tuple(name.strip() for name in options.only.split(",") if name.strip())
    measured = EvaluationSettings(
        DURATIONS_S["av-benchmark"] if options.protocol != "paper" else DURATIONS_S["paper"], only=only
    )
    rows: list[SystemRow] = []
    judges: list[JudgeRow] = []
    reports: list[EvaluationReport] = []
    names: set[str] = set()
    for number, settings in enumerate(every):
        part = progress.part(0.3 + 0.7 * number / len(every), 0.3 + 0.7 * (number + 1) / len(every))
        folder = _folder(options, settings)
        made, behind = system_rows(
            settings.generator, settings.seed, folder, references, measured, settings.execution, part
        )
        rows += made
        reports += behind.values()
        records = records_of(folder, settings.fingerprint())
        names |= records.keys()
        judges += judge_rows(settings.generator, settings.seed, records)
    truth = find_clips(references[ORIGINAL]).clips
    return rows, judges, omissions(reports, sorted(names), sorted(truth))


def _every(options: argparse.Namespace) -> list[ReproductionSettings]:
    from deepsound.cli.run import execution_of
    from deepsound.errors import InputError
    from deepsound.reproduce.settings import DURATIONS_S, ReproductionSettings

    try:
        seeds = [int(seed) for seed in options.seeds.split(",") if seed.strip()]
    except ValueError as error:
        raise InputError(f"The seeds are {options.seeds!r}; expected whole numbers, as in 42,43.") from error
    generators = [name.strip() for name in options.generators.split(",") if name.strip()]
    if not seeds or not generators:
        raise InputError("Expected at least one generator and one seed; name them with --generators and --seeds.")
    execution = execution_of(options)
    return [
        ReproductionSettings(
            generator,
            options.judge,
            options.separator,
            tuple(name.strip() for name in options.judges.split(",") if name.strip()),
            seed,
            DURATIONS_S[options.protocol],
            options.steps,
            execution=execution,
        )
        for generator in generators
        for seed in seeds
    ]


def _folder(options: argparse.Namespace, settings: ReproductionSettings) -> Path:
    return Path(expand(options.out)) / settings.generator / f"seed_{settings.seed}"


def _write(out: Path, rows: list[SystemRow], judges: list[JudgeRow], left_out: tuple[str, ...], notes: str) -> None:
    from deepsound.media.files import atomic_write
    from deepsound.reproduce.tables import as_json, markdown, published
    from deepsound.runtime.json_files import json_bytes

    out.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {**as_json(rows, judges), "omissions": list(left_out), "published": published()}
    with atomic_write(out / "tables.json") as partial:
        partial.write_bytes(json_bytes(contents))
    with atomic_write(out / "tables.md") as partial:
        partial.write_text(markdown(rows, judges) + notes, encoding="utf-8")


def _say(options: argparse.Namespace, text: str, always: bool = False) -> None:
    import sys

    if always or not options.quiet:
        print(text, file=sys.stderr)
