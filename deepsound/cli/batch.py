"""`deepsound batch`: many clips through the steps, each once, here or on Ray."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.batch.run import Workers
    from deepsound.batch.settings import BatchSettings
    from deepsound.batch.worker import Work

DESCRIPTION = """\
Every video of a folder (folders within it included), or every row of a .csv or .tsv file, goes through the steps of
`deepsound run`, with the same options. Columns of a table: video, prompt, negative, seed, start, duration, steps, cfg,
window, mode, fallback, voice_decision, removal_db; all but video may be absent or empty. Each clip leaves what `run`
leaves, and <stem>.batch.json when it is done; clips that share a stem have folders of their own. Started again, what is
done with these settings is passed over; what failed is tried once more at the end. summary.csv and summary.json tell
what came of it.
"""

AddOptions = Callable[[argparse.ArgumentParser], None]


def add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser], *options_of_run: AddOptions) -> None:
    """Add `batch` to the command line, with the options of `run`."""
    batch = commands.add_parser(
        "batch",
        help="give many videos their finished sound",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    batch.set_defaults(command=run)
    batch.add_argument("source", metavar="FOLDER|CSV", help="a folder of videos, or a table of them")
    for add in options_of_run:
        add(batch)
    batch.add_argument("--shard", default="1/1", metavar="I/N", help="do every Nth clip, beginning with the Ith")
    batch.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="work on Ray: a cluster's address, `auto` for the one that runs here; without one, a "
        "cluster is started on this machine for the purpose",
    )
    batch.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="how many, on Ray (default: one for each GPU, or for every four CPUs)",
    )
    batch.add_argument(
        "--judge_concurrency",
        "--judge-concurrency",
        type=int,
        metavar="N",
        help="with a reasoner on a server: each worker has up to N clips there while it works on another (default: "
        "one clip at a time)",
    )


def run(options: argparse.Namespace) -> int:
    """Do the batch as `options` say. Raises a DeepSoundError; stopped within a second of Ctrl-C."""
    from deepsound.batch.clips import Shard
    from deepsound.batch.run import Batch
    from deepsound.batch.settings import BatchSettings
    from deepsound.batch.sources import open_source
    from deepsound.batch.summary import summarise
    from deepsound.cli.batch_display import open_batch_display
    from deepsound.cli.batch_times import ExpectedTime
    from deepsound.cli.formatting import print_json
    from deepsound.cli.run import execution_of, pipeline_arguments, run_arguments
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.cli.unused_options import unused_options
    from deepsound.errors import Cancelled
    from deepsound.runtime.progress import Progress

    models = tuple(expand(folder).absolute() for folder in options.models)
    settings = BatchSettings(pipeline_arguments(options), run_arguments(options), options.pictures, models)
    output_dir = expand(options.output_dir)
    source, shard = open_source(options.source, output_dir), Shard.parse(options.shard)
    # Ray has a handler of its own for SIGTERM, so ours comes after it.
    with (
        _workers(options, settings, output_dir) as workers,
        cancel_on_signal() as token,
        open_batch_display(options.quiet) as display,
    ):
        display.note_all(unused_options(options))
        if options.ray is None and options.judge_concurrency is None:
            display.expected = ExpectedTime(source, shard, settings, execution_of(options)).line
        batch = Batch(source, output_dir, settings, workers, shard, display)
        try:
            batch.run(Progress(on_event=display.stage, check=token.check))
            summary = summarise(batch, token.check)
        except Cancelled:
            raise Cancelled(
                f"Stopped with {batch.tally.done + batch.tally.already} of {batch.tally.total} clips done; "
                "the same command goes on from there."
            ) from None
        display.summarise(summary)
    if options.json:
        print_json("batch", asdict(summary))
    return 0 if summary.complete else SOME_FAILED


@contextmanager
def _workers(options: argparse.Namespace, settings: BatchSettings, output_dir: Path) -> Iterator[Workers]:
    from deepsound.errors import InputError

    if options.workers is not None and (options.ray is None or options.workers < 1):
        raise InputError(
            f"--workers: expected 1 or more together with --ray, got {options.workers}; without Ray, start one "
            "process for each --shard."
        )
    if options.judge_concurrency is not None:
        from deepsound.batch.concurrent_workers import ConcurrentInProcess, check_judge_concurrency

        check_judge_concurrency(options.judge_concurrency, options.reasoner)
        if options.ray is None:
            yield ConcurrentInProcess(settings, output_dir, options.judge_concurrency)
            return
    if options.ray is None:
        from deepsound.batch.run import InProcess
        from deepsound.cli.run import execution_of
        from deepsound.cli.run_times import TimeKeeper

        yield InProcess(settings, output_dir, TimeKeeper(execution_of(options)).keep)
        return
    with ray_workers(settings, output_dir, options, options.judge_concurrency or 0) as workers:
        yield workers


@contextmanager
def ray_workers(
    settings: BatchSettings | Work, output_dir: Path, options: argparse.Namespace, judging: int = 0
) -> Iterator[Workers]:
    """RayWorkers as `--ray` and `--workers` say; what Ray prints on lost workers goes to stderr, not between JSON."""
    from deepsound.batch.ray_workers import RayWorkers

    with (
        redirect_stdout(sys.stderr),
        RayWorkers(settings, output_dir, options.ray or None, options.workers, judging) as workers,
    ):
        yield workers
