"""`deepsound train`: training data, and the training of reasoner, separator and generator."""

from __future__ import annotations

import argparse
from pathlib import Path

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.cli.option_types import seed
from deepsound.cli.run_options import add_execution_options
from deepsound.cli.train_generator import add_generator
from deepsound.cli.train_reasoner import add_reasoner
from deepsound.cli.train_separator import add_separator
from deepsound.runtime.paths import expand

DESCRIPTION = """\
Makes training data, and trains what the steps run on, on your own clips. docs/training.md has an example from clips to
a trained reasoner, and says what fits which GPU.
"""
DATA_DESCRIPTION = """\
Labels every clip below a folder and writes a chain-of-thought data set: data.jsonl (one row per item), train.json and
the like (VideoLLaMA2's form), report.json and README.md. Each clip gives three items: the plan, the judgement in four
sections, and whether the audio is silent. What is in the folder already stays as it is, so that the same command goes
on where it stopped and reviewed rows are never lost; `deepsound app --review DIR` is the page to review them on.
"""


def add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` with its commands to the command line."""
    train = commands.add_parser(
        "train",
        help="make training data; train reasoner, separator and generator",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    kinds = train.add_subparsers(required=True, metavar="WHAT")
    _add_data(kinds)
    add_reasoner(kinds)
    add_separator(kinds)
    add_generator(kinds)


def _add_data(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    data = kinds.add_parser(
        "data",
        help="label clips for the reasoner's training",
        description=DATA_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    # Folders of models are named with --weights here; these are flags of a run.
    data.set_defaults(command=_data, reasoner="", step0_model_dir=None, step2_model_dir=None)
    data.add_argument("clips", metavar="CLIPS", help="the folder of clips, or of results")
    data.add_argument("-o", "--out", required=True, metavar="DIR", help="the data set's folder")
    data.add_argument(
        "--label",
        default="rules",
        metavar="NAME",
        help="who says the category: a reasoner such as rules or videollama2_cot; csv: labels.csv in CLIPS (video, "
        "label) or its folders Yes, No1, No2, No3; records: the results below CLIPS, of `deepsound batch` or the node "
        "Folder of Videos, with the sounds that they judged (default: rules)",
    )
    data.add_argument(
        "--generator",
        default="",
        metavar="NAME",
        help="generate the sound that is judged with this engine first (default: the clip's own sound)",
    )
    data.add_argument("--prompt", default="", help="what the generated sound should be")
    data.add_argument("--seed", type=seed, default=42, help="the seed of generated sounds (default: 42)")
    data.add_argument(
        "--split",
        default="0.9,0.05,0.05",
        metavar="A,B,C",
        help="shares of train, validation and test, by source clip (default: 0.9,0.05,0.05)",
    )
    data.add_argument("--json", action="store_true", help="print the report as JSON")
    data.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")
    add_execution_options(data)


def _data(options: argparse.Namespace) -> int:
    from deepsound.cli.evaluate import progress_on_stderr
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal, kept_when_cancelled
    from deepsound.train.data_report import report_lines
    from deepsound.train.dataset import build_dataset
    from deepsound.train.splits import check_shares

    shares = check_shares(options.split)
    clips, labeller = _labeller(options)
    out = Path(expand(options.out))
    with (
        cancel_on_signal() as token,
        kept_when_cancelled(out),
        progress_on_stderr(options.quiet, token.check) as progress,
    ):
        report = build_dataset(clips, labeller, out, shares, progress.at("label"))
    if options.json:
        print_json("training_data", report)
    elif not options.quiet:
        print("\n".join(report_lines(report)))
    return SOME_FAILED if report["unreadable"] else 0


def _labeller(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    """The clips and how they are labelled."""
    from deepsound import engines
    from deepsound.calibrate.labels import labelled_clips
    from deepsound.cli.run import execution_of
    from deepsound.errors import InputError
    from deepsound.train.labelling import Labeller, clips_in
    from deepsound.train.recorded_labels import recorded_runs
    from deepsound.types import GenerationRequest

    execution = execution_of(options)
    generator = engines.generator(options.generator, execution.unquantised) if options.generator else None
    request = GenerationRequest(prompt=options.prompt, seed=options.seed)
    name = options.generator or "own"
    folder = Path(expand(options.clips))
    if options.label == "csv":
        known = {clip.path: clip.category for clip in labelled_clips(folder)}
        return list(known), Labeller("csv", None, known, generator, name, request)
    if options.label == "records":
        if generator is not None:
            raise InputError("expected no --generator with --label records, whose sounds are there; leave it out.")
        recorded, problems = recorded_runs(folder)
        return list(recorded), Labeller("records", recorded=recorded, problems=tuple(problems))
    reasoner = engines.reasoner(engines.require("reasoner", options.label).name, execution)
    # Both the rules and the published model look at 16 frames.
    frames = 16 if options.label in ("rules", "videollama2_cot", "videollama2_qa") else None
    return clips_in(folder), Labeller(options.label, reasoner, {}, generator, name, request, frames)
