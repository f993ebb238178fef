"""Takes: one video run from consecutive seeds, each with its own files and verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsound.errors import InputError
from deepsound.outputs import Result
from deepsound.outputs.naming import DEFAULT_TEMPLATE, fields_of
from deepsound.pipeline import Pipeline
from deepsound.rank.limits import MOST_TAKES
from deepsound.runtime.progress import Progress


def run_takes(
    pipeline: Pipeline,
    video: str | Path,
    output_dir: str | Path = "outputs",
    count: int = 1,
    pick: str | None = None,
    *,
    progress: Progress = Progress(),
    done: Callable[[Result], None] = lambda result: None,
    **arguments: Any,
) -> tuple[Result, ...]:
    """Run `pipeline` on a video `count` times, from the seeds `seed`, `seed` + 1, ...; `arguments` are Pipeline.run's.

    Every take is judged, separated and written by itself: its files are named `<stem>.take1.*`, `<stem>.take2.*`, ...,
    unless the output template has the field {seed}. `done` is called with each result. What the encoders made of the
    picture is kept between takes. With `pick` ("auto", "voice", "sync", "ib") the takes are ranked before they are
    judged, and only the best is finished, under the plain name. Raises InputError for a count from which no takes can
    be made or picked, and what Pipeline.run raises; the takes before that are complete.
    """
    if not 1 <= count <= MOST_TAKES:
        raise InputError(f"The number of takes is {count}; expected 1 to {MOST_TAKES}.")
    if pick is not None:
        if count == 1:
            raise InputError(f"pick: expected 2 takes or more to pick the best by {pick!r}, got 1; make more takes.")
        best = pipeline.run(video, output_dir, takes=count, pick=pick, progress=progress, **arguments)
        done(best)
        return (best,)
    seed = arguments.pop("seed", 42)
    template = arguments.pop("output_template", DEFAULT_TEMPLATE)
    results = []
    for number in range(count):
        part = progress if count == 1 else progress.part(number / count, (number + 1) / count)
        name = take_template(template, number + 1, count)
        result = pipeline.run(video, output_dir, seed=seed + number, output_template=name, progress=part, **arguments)
        done(result)
        results.append(result)
    return tuple(results)


def take_template(template: str, number: int, count: int) -> str:
    """The output template of one take of several: numbered, unless the seed tells takes apart. Raises InputError."""
    is_told_apart = count == 1 or "seed" in fields_of(template)
    return template if is_told_apart else f"{template}.take{number}"
