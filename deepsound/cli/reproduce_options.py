"""Options of `deepsound reproduce`, and the settings of each of its generators and seeds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deepsound.choices import UNDECIDED, UNDECIDED_NAMES, summary_of
from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.cli.option_types import strength
from deepsound.cli.run_options import add_separation_options
from deepsound.errors import InputError
from deepsound.presets import AUTO, DEFAULT_PRESET, PRESET_NAMES, PRESETS
from deepsound.runtime.seeds import check_seed

if TYPE_CHECKING:
    from deepsound.engines import Kind
    from deepsound.presets import Preset
    from deepsound.reproduce.settings import ReproductionSettings
    from deepsound.runtime.execution import Execution

DESCRIPTION = """\
Makes Direct, Direct-neg, Ours-s3, Ours-s4-rm, -rep and -neg of every clip from one coarse sound per clip, generator and
seed, the VO-Free set from the ground truth, and the rows of the paper's Tables 1 to 3 with the published numbers beside
the measured ones, voice rates included (IH@vid, IH@dur). What is done is left as it is: the same command goes on where
it stopped, and each --shard of a folder can run on a machine of its own before one run without --shard makes the
tables.
"""


def add_reproduce_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The parser of `reproduce`, without how networks are run."""
    parser = commands.add_parser(
        "reproduce",
        help="the paper's evaluation of a folder of clips: systems, VO-Free set, tables",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    # Folders of models are named with --weights here; these are flags of a run.
    parser.set_defaults(reasoner="", step0_model_dir=None, step2_model_dir=None)
    parser.add_argument("clips", metavar="FOLDER", help="the videos, or a table of them")
    parser.add_argument("--gt", required=True, metavar="DIR", help="the ground truth: videos or sounds of those names")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="where everything is left")
    _add_engines(parser)
    add_separation_options(parser)
    _add_protocol(parser)
    _add_output(parser)
    return parser


def _add_engines(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default=DEFAULT_PRESET,
        help=f"{summary_of(PRESETS)}; a flag that names an engine or a setting beats it (default: %(default)s)",
    )
    parser.add_argument(
        "--generators",
        default=AUTO,
        metavar="NAME,...",
        help="generators to compare (default: the preset's, else the best whose weights are here, else draft)",
    )
    parser.add_argument("--judge", default=AUTO, metavar="NAME", help="the judge of the systems (default: likewise)")
    parser.add_argument(
        "--judges", default="", metavar="NAME,...", help="further judges for Table 3, such as videollama2_qa"
    )
    parser.add_argument("--separator", default=AUTO, metavar="NAME", help="the separator of step 3 (default: likewise)")
    parser.add_argument("--seeds", default="42", metavar="N,...", help="one set of rows per seed (default: 42)")
    parser.add_argument("--steps", type=int, metavar="N", help="the generators' sampling steps (default: their own)")
    parser.add_argument(
        "--cfg",
        dest="guidance",
        type=strength,
        metavar="STRENGTH",
        help="the generators' guidance (default: own)",
    )
    parser.add_argument(
        "--undecided",
        choices=UNDECIDED_NAMES,
        default=UNDECIDED_NAMES[0],
        help=f"what an answer that cannot be read counts as: {summary_of(UNDECIDED)} (default: %(default)s)",
    )


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=("av-benchmark", "paper"),
        default="av-benchmark",
        help="clip length: 8 s as av-benchmark scores (default), or the paper's 10 s",
    )
    parser.add_argument("--only", default="", metavar="NAME,...", help="some of the metrics, voice and levels")
    parser.add_argument(
        "--figure",
        default="",
        metavar="NAME,...",
        help="also draw the paper's Figure 6 of these clips: frames, spectrograms of ground truth, coarse and final "
        "sound, and the reasoning, as figures/NAME.png and .pdf",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="make the clips on Ray: a cluster's address, `auto` for the one that runs here; without one, a cluster is "
        "started on this machine for the purpose",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="how many, on Ray")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="only every Nth clip, beginning with the Ith")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no tables, only errors")


def settings_of(options: argparse.Namespace) -> list[ReproductionSettings]:
    """The settings of every generator and seed that the flags name. Raises InputError for numbers that are none."""
    from deepsound.cli.run import execution_of, separation_of
    from deepsound.presets import preset
    from deepsound.reproduce.settings import DURATIONS_S, ReproductionSettings
    from deepsound.selection import choose_engine

    row, execution = preset(options.preset), execution_of(options)

    def chosen(kind: Kind, name: str) -> str:
        return choose_engine(kind, row, execution) if name == AUTO else name

    return [
        ReproductionSettings(
            generator,
            chosen("reasoner", options.judge),
            chosen("separator", options.separator),
            tuple(names_in(options.judges)),
            seed,
            DURATIONS_S[options.protocol],
            options.steps,
            options.guidance,
            options.undecided,
            execution,
            row.preferences,
            separation_of(options).over(row.separation),
            _regenerator(generator, row, execution),
        )
        for generator in dict.fromkeys(chosen("generator", name) for name in names_in(options.generators))
        for seed in _seeds(options.seeds)
    ]


def _regenerator(generator: str, row: Preset, execution: Execution) -> str:
    """What makes the sound of `neg` where the generator cannot; the embedded one where that is never asked."""
    from deepsound import engines
    from deepsound.selection import EMBEDDED, choose_regenerator

    if engines.uses_negative_prompt(engines.generator(generator, execution.unquantised)):
        return EMBEDDED["generator"]
    return choose_regenerator(generator, row, execution).name


def names_in(text: str) -> list[str]:
    """The names of a list with commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(seed) for seed in names_in(text)]
    except ValueError:
        seeds = []
    if not seeds:
        raise InputError(f"The seeds are {text!r}; expected whole numbers, as in 42,43.")
    for seed in seeds:
        check_seed(seed)
    return seeds
