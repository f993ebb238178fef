"""Takes: one video run from consecutive seeds, each with its own files and verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepsound.arguments import check_arguments
from deepsound.media.clip import Clip
from deepsound.outputs import Result
from deepsound.outputs.naming import DEFAULT_TEMPLATE
from deepsound.pipeline import Pipeline
from deepsound.preparation import check_takes, clip_of, take_template
from deepsound.runtime.progress import Progress
from deepsound.runtime.seeds import consecutive_seeds

_OF_THE_CLIP = ("start_s", "duration_s", "audio_track", "downmix")


def run_takes(
    pipeline: Pipeline,
    video: str | Path | Clip,
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
    unless the output template has the field {seed}. `done` is called with each result. The picture is decoded once, and
    what the encoders made of it is kept between takes. With `pick` ("auto", "voice", "sync", "ib") the takes are ranked
    before they are judged, and only the best is finished, under the plain name. Raises InputError for a count from
    which no takes can be made or picked, and what Pipeline.run raises; the takes before that are complete.
    """
    check_takes(count, pick)
    if pick is not None:
        best = pipeline.run(video, output_dir, takes=count, pick=pick, progress=progress, **arguments)
        done(best)
        return (best,)
    if count > 1:
        # One clip for all takes: its frames are decoded and looked at once.
        arguments = {**arguments}
        given = {name: arguments.pop(name) for name in _OF_THE_CLIP if name in arguments}
        check_arguments({**given, "video": video.path if isinstance(video, Clip) else video})
        video = clip_of(video, **given)
    seed = arguments.pop("seed", 42)
    check_arguments({"seed": seed})
    template = arguments.pop("output_template", DEFAULT_TEMPLATE)
    results = []
    for number, own in enumerate(consecutive_seeds(seed, count)):
        part = progress if count == 1 else progress.part(number / count, (number + 1) / count)
        name = take_template(template, number + 1, count)
        result = pipeline.run(video, output_dir, seed=own, output_template=name, progress=part, **arguments)
        done(result)
        results.append(result)
        if number == 1 and results[0].outcome.coarse.is_same(result.outcome.coarse):
            progress.note("This generator makes the same sound for every seed, so that the takes are equal.")
    return tuple(results)
