"""`deepsound compare`: coarse, final and removed voice as a still picture and a video to share."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.runtime.paths import expand

if TYPE_CHECKING:
    from deepsound.compare.record import Recorded
    from deepsound.runtime.progress import Progress

DESCRIPTION = """\
Draws waveforms and mel spectrograms of the coarse, the final and the removed sound on one time axis under the video's
frames (<stem>.compare.png), and renders a video that plays them in turn at equal loudness (<stem>.compare.mp4, with
MoviePy, which is a package of its own: moviepy).
Give the output folder of `deepsound run` (or one .result.json), or name the files.
"""
SOUNDS = ("coarse", "final", "voice")


def add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `compare` and its flags."""
    command = commands.add_parser(
        "compare",
        help="show what was generated, kept and removed, to look at and share",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=_compare)
    command.add_argument("result", nargs="?", metavar="RESULT_DIR", help="what `deepsound run` left")
    command.add_argument("--coarse", metavar="FILE", help="the sound of step 1")
    command.add_argument("--final", metavar="FILE", help="the finished sound")
    command.add_argument("--voice", metavar="FILE", help="the voice that was removed")
    command.add_argument("--video", metavar="FILE", help="the picture they belong to")
    command.add_argument(
        "--spans", default="", metavar="TEXT", help="where a voice is heard, in seconds, as in '0.5-1.2, 3-4'"
    )
    command.add_argument("-o", "--out", metavar="DIR", help="where the files go (default: RESULT_DIR, else here)")
    command.add_argument("--title", default="", help="the words at the top of the still")
    command.add_argument(
        "--width", type=int, default=1280, metavar="PIXELS", help="width of the still (default: %(default)s)"
    )
    command.add_argument(
        "--seconds",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how much of each sound the video plays (default: all)",
    )
    command.add_argument("--still_only", "--still-only", action="store_true", help="leave the video out")
    command.add_argument("--quiet", action="store_true", help="no progress, only errors")


def _compare(options: argparse.Namespace) -> int:
    from deepsound.cli.display import open_display
    from deepsound.cli.run import cancel_on_signal
    from deepsound.runtime.progress import Progress

    with cancel_on_signal() as token, open_display(quiet=options.quiet) as display:
        progress = Progress(on_event=display.show, check=token.check)
        for run, folder in _runs(options, progress):
            _write(run, folder, options, progress)
    return 0


def _runs(options: argparse.Namespace, progress: Progress) -> Iterator[tuple[Recorded, Path]]:
    """What is to be compared, and the folder each comparison goes to."""
    from deepsound.compare.record import read_record, records_in
    from deepsound.errors import InputError

    named = [name for name in (*SOUNDS, "video") if getattr(options, name) is not None]
    if (options.result is None) == (not named):
        problem = "and also files" if named else "nor any file"
        raise InputError(
            f"There is {'a' if named else 'no'} result folder {problem}; give one of the two, as in: "
            "deepsound compare outputs, or: deepsound compare --coarse a.wav --final b.wav"
        )
    if options.result is None:
        yield _named_files(options, progress), expand(options.out or ".")
        return
    for path in records_in(options.result):
        yield read_record(path, progress), expand(options.out) if options.out else path.parent


def _named_files(options: argparse.Namespace, progress: Progress) -> Recorded:
    from deepsound.compare.record import Recorded
    from deepsound.compare.spans import parse_spans
    from deepsound.media.audio import decode_audio
    from deepsound.media.clip import Clip

    files = {name: getattr(options, name) for name in SOUNDS if getattr(options, name) is not None}
    sounds = {name: decode_audio(file, progress=progress) for name, file in files.items()}
    clip = None if options.video is None else Clip.open(options.video)
    stem = Path(options.video or files.get("final") or next(iter(files.values()))).stem
    return Recorded(stem, sounds, clip, parse_spans(options.spans))


def _write(run: Recorded, folder: Path, options: argparse.Namespace, progress: Progress) -> None:
    from deepsound.compare.comparison import compare
    from deepsound.compare.side_by_side import render_side_by_side
    from deepsound.compare.still import still
    from deepsound.media.files import output_error
    from deepsound.media.png import write_png

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    picture, video = (folder / f"{run.stem}.compare{suffix}" for suffix in (".png", ".mp4"))
    with _timed(progress.at("still"), picture) as stage:
        comparison = compare(run.sounds, run.clip, run.spans, stage)
        write_png(still(comparison, options.width, options.title, stage), picture)
    if not options.still_only:
        with _timed(progress.at("video"), video) as stage:
            render_side_by_side(comparison, video, options.seconds, stage)


@contextmanager
def _timed(stage: Progress, path: Path) -> Iterator[Progress]:
    """Tell of `path` and how long it took, once it is there."""
    began = time.perf_counter()
    yield stage
    stage.finish(str(path), time.perf_counter() - began)
