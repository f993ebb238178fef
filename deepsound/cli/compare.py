"""`deepsound compare`: coarse, final and removed voice as a still picture and a video."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.errors import Cancelled, DeepSoundError, MissingPackage
from deepsound.runtime.paths import escaped, expand

if TYPE_CHECKING:
    from deepsound.compare.record import RecordedRun
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
        epilog=EXIT_CODES,
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
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def _compare(options: argparse.Namespace) -> int:
    from deepsound.cli.display import open_display
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.runtime.progress import Progress

    with cancel_on_signal() as token, open_display(quiet=options.quiet) as display:
        progress = Progress(on_event=display.show, check=token.check)
        return _Comparisons(options, progress).write(_inputs(options, progress))


class _Comparisons:
    """Writes one comparison after the other; what had to be left out is collected and named at the end."""

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self._options, self._progress = options, progress
        self._without_video: list[Path] = []
        self._missing: DeepSoundError | None = None
        self._failed: list[DeepSoundError] = []

    def write(self, runs: Iterator[Callable[[], tuple[RecordedRun, Path]]]) -> int:
        """All of them; then raises one error that names everything that was left out, and why."""
        for read in runs:
            try:
                self._write(*read())
            except Cancelled:
                raise
            except DeepSoundError as error:
                self._failed.append(error)
        if self._missing is not None:
            names = ", ".join(map(escaped, self._without_video))
            self._failed.append(MissingPackage(f"Left out: {names}. {self._missing}"))
        if not self._failed:
            return 0
        if len(self._failed) == 1:
            raise self._failed[0]
        raise type(self._failed[0])(" ".join(map(str, self._failed)))

    def _write(self, run: RecordedRun, folder: Path) -> None:
        from deepsound.compare.comparison import compare
        from deepsound.compare.side_by_side import render_side_by_side
        from deepsound.compare.still import still
        from deepsound.media.files import output_error
        from deepsound.media.png import write_png

        options, progress = self._options, self._progress
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error
        picture, video = (folder / f"{run.stem}.compare{suffix}" for suffix in (".png", ".mp4"))
        with _report_time(progress.at("still"), picture) as stage:
            comparison = compare(run.sounds, run.clip, run.spans, stage)
            write_png(still(comparison, options.width, options.title, stage), picture)
        if options.still_only:
            return
        try:
            with _report_time(progress.at("video"), video) as stage:
                render_side_by_side(comparison, video, options.seconds, stage)
        except MissingPackage as error:
            self._missing = error
            self._without_video.append(video)


def _inputs(options: argparse.Namespace, progress: Progress) -> Iterator[Callable[[], tuple[RecordedRun, Path]]]:
    """Reads what is to be compared, one result at a call, with the folder its comparison goes to."""
    from deepsound.compare.record import records_in
    from deepsound.errors import InputError

    named = [name for name in (*SOUNDS, "video") if getattr(options, name) is not None]
    if (options.result is None) == (not named):
        problem = "and also files" if named else "nor any file"
        raise InputError(
            f"There is {'a' if named else 'no'} result folder {problem}; give one of the two, as in: "
            "deepsound compare outputs, or: deepsound compare --coarse a.wav --final b.wav"
        )
    if options.result is None:
        folder = expand(options.out or ".")
        yield lambda: (_named_files(options, progress), folder)
        return
    for path in records_in(options.result):
        folder = expand(options.out) if options.out else path.parent
        yield partial(_from_record, path, folder, progress)


def _from_record(path: Path, folder: Path, progress: Progress) -> tuple[RecordedRun, Path]:
    from deepsound.compare.record import read_record

    return read_record(path, progress), folder


def _named_files(options: argparse.Namespace, progress: Progress) -> RecordedRun:
    from deepsound.compare.record import RecordedRun
    from deepsound.compare.spans import parse_spans
    from deepsound.media.audio import decode_audio
    from deepsound.media.clip import Clip

    files = {name: getattr(options, name) for name in SOUNDS if getattr(options, name) is not None}
    sounds = {name: decode_audio(file, progress=progress) for name, file in files.items()}
    clip = None if options.video is None else Clip.open(options.video)
    stem = Path(options.video or files.get("final") or next(iter(files.values()))).stem
    return RecordedRun(stem, sounds, clip, parse_spans(options.spans))


@contextmanager
def _report_time(stage: Progress, path: Path) -> Iterator[Progress]:
    """Tell of `path` and how long it took, once it is there."""
    began = time.perf_counter()
    yield stage
    stage.finish(str(path), time.perf_counter() - began)
