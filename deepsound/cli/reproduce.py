"""`deepsound reproduce`: the paper's evaluation of a folder of clips in one command."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.evaluate import progress_on_stderr
from deepsound.cli.exit_codes import SOME_FAILED
from deepsound.cli.reproduce_options import add_reproduce_parser, names_in, settings_of
from deepsound.errors import Cancelled, InputError
from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.batch.clips import Shard
    from deepsound.reproduce.report import Reproduction
    from deepsound.reproduce.run import MakeWorkers
    from deepsound.runtime.progress import Progress, ProgressEvent


def add_reproduce(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add `reproduce` to the command line; how networks are run is added by the caller."""
    parser = add_reproduce_parser(commands)
    parser.set_defaults(command=_reproduce)
    return parser


def _reproduce(options: argparse.Namespace) -> int:
    from deepsound.batch.clips import Shard
    from deepsound.cli.formatting import print_json
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.reproduce.report import Reproduction

    figures, shard, workers = names_in(options.figure), Shard.parse(options.shard), _ray_workers(options)
    with cancel_on_signal() as token, progress_on_stderr(options.quiet, token.check) as progress:
        whole = Reproduction(
            Path(expand(options.clips)), Path(expand(options.gt)), Path(expand(options.out)), settings_of(options)
        )
        whole.check(figures)
        with _kept_when_cancelled(whole):
            failed = _run_clips(whole, shard, workers, progress.part(0.0, 0.6))
            if options.shard != "1/1":
                _say(options, f"Shard {options.shard} is done; run without --shard for the tables.")
                return _exit_code(options, failed)
            report = whole.report(names_in(options.only), _without_text(progress.part(0.6, 0.95)))
            whole.write(report)
            whole.draw(figures, progress.part(0.95, 1.0))
    if options.json:
        print_json("reproduction", report.to_json())
    elif not options.quiet:
        print(report.to_markdown(), end="")
    return _exit_code(options, failed)


@contextmanager
def _kept_when_cancelled(whole: Reproduction) -> Iterator[None]:
    """Make a Cancelled say what is on the disk and how to go on."""
    try:
        yield
    except Cancelled:
        done = sum(whole.finished(settings) for settings in whole.every)
        raise Cancelled(
            f"Cancelled with {done} of {len(whole.every) * whole.count()} clips finished in {whole.folder}; they and "
            "the features computed so far are kept. Run the same command again to go on."
        ) from None


def _run_clips(whole: Reproduction, shard: Shard, workers: MakeWorkers | None, progress: Progress) -> dict[str, str]:
    """Make every generator's systems; the reasons of clips that failed, by generator, seed and name."""
    from deepsound.reproduce.run import run_clips

    failed: dict[str, str] = {}
    for number, settings in enumerate(whole.every):
        part = progress.part(number / len(whole.every), (number + 1) / len(whole.every))
        part, started = part.at(f"clips {settings.generator}"), time.monotonic()
        tally = run_clips(whole.clips, whole.folder_of(settings), settings, shard, _without_text(part), workers)
        part.finish(
            f"{tally.made} made, {tally.found} found done, {len(tally.failed)} failed", time.monotonic() - started
        )
        failed |= {f"{settings.generator} {settings.seed} {name}": why for name, why in tally.failed.items()}
    return failed


def _without_text(progress: Progress) -> Progress:
    """The progress of many clips: how far it is, without what the judge writes about each of them."""

    def pass_on(event: ProgressEvent) -> None:
        if not event.text or event.is_note or event.seconds is not None:
            progress.on_event(event)

    return replace(progress, on_event=pass_on)


def _ray_workers(options: argparse.Namespace) -> MakeWorkers | None:
    """What makes the workers on Ray; None for this process. Raises InputError for a number of workers that is none."""
    if options.workers is not None and (options.ray is None or options.workers < 1):
        raise InputError(
            f"--workers: expected 1 or more together with --ray, got {options.workers}; without Ray, use --shard."
        )
    if options.ray is None:
        return None
    from deepsound.cli.batch import ray_workers

    return lambda work, folder: ray_workers(work, folder, options)


def _exit_code(options: argparse.Namespace, failed: dict[str, str]) -> int:
    for name, why in failed.items():
        _say(options, f"{name}: {why}", always=True)
    return SOME_FAILED if failed else 0


def _say(options: argparse.Namespace, text: str, always: bool = False) -> None:
    if always or not options.quiet:
        print(text, file=sys.stderr)
