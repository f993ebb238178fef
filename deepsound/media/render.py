"""Re-encoding as H.264 with MoviePy, for videos whose packets cannot be copied."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.errors import MissingPackage, OutputError
from deepsound.media.clip import Clip
from deepsound.media.decode import DecodedFrame
from deepsound.media.deinterlace import deinterlace
from deepsound.media.files import atomic_write
from deepsound.media.inventory import take_inventory
from deepsound.media.tone_map import tone_map
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import escaped
from deepsound.runtime.progress import Progress

_FULL_SIZE = 1 << 16


def render(clip: Clip, output_path: Path | str, progress: Progress = Progress()) -> None:
    """Write the clip's window as a silent H.264 mp4 at its mean frame rate; odd sizes gain a row or column.

    Varying frame rates become constant: each frame is the one on display at its time. Frames of another size are fitted
    into the first one's, HDR is tone mapped and interlaced frames are deinterlaced; the progress is given a note of
    each. Raises MissingPackage without MoviePy, OutputError when the file cannot be written.
    """
    need_moviepy(
        "This video's picture must be encoded again, which needs MoviePy", "choose .mp4 or .mov for the output"
    )
    known = len(clip.notes)
    traits = take_inventory(clip.path).traits
    frames = clip.frames(Progress(check=progress.check))
    in_order = FramesInOrder(deinterlace(frames) if "interlacing" in traits else frames)
    count = max(1, round(clip.duration_s * float(clip.video.fps)))
    transfer = traits.get("HDR", "")
    picture_at = (lambda time_s: tone_map(in_order.at(time_s), transfer)) if transfer else in_order.at
    write_h264(picture_at, count, clip.video.fps, output_path, progress)
    if transfer:
        progress.note(f"The picture's HDR ({transfer}) was tone mapped to SDR, since it had to be encoded again.")
    if "interlacing" in traits:
        progress.note("The picture's interlaced frames were deinterlaced (bwdif), since it had to be encoded again.")
    for note in clip.notes[known:]:
        progress.note(note)


def write_h264(
    picture_at: Callable[[float], np.ndarray],
    count: int,
    fps: Fraction,
    output_path: Path | str,
    progress: Progress,
) -> None:
    """Write `count` pictures as a silent H.264 mp4; `picture_at` returns uint8 [height, width, 3] by seconds.

    Times only ever grow, heights and widths are even. Raises MissingPackage without MoviePy, OutputError when
    the file cannot be written.
    """
    video_clip = need_moviepy("Rendering needs MoviePy", "leave it off")
    logger = _logger(progress)
    with atomic_write(output_path) as partial:
        try:
            video_clip(picture_at, duration=count / float(fps)).write_videofile(
                str(partial),
                fps=float(fps),
                codec="libx264",
                audio=False,
                logger=logger,
                ffmpeg_params=["-crf", "18", "-pix_fmt", "yuv420p", *_exact_rate(fps)],
            )
        except OSError as error:
            if not isinstance(error.errno, int):
                # MoviePy wraps its encoder's complaint in an OSError without a number.
                raise OutputError(
                    f"Cannot render {output_path}: {error}. Choose another container or output folder."
                ) from error
            raise
        _check_whole(partial, count, Path(output_path))


def _check_whole(rendered: Path, count: int, target: Path) -> None:
    """Raise OutputError where fewer pictures arrived than were rendered: the encoder says nothing of a full disk."""
    import av

    found = 0
    try:
        with av.open(str(rendered)) as container:
            found = sum(1 for packet in container.demux(video=0) if packet.size)
    except (av.FFmpegError, OSError, IndexError):
        pass
    if found < count:
        free = shutil.disk_usage(target.parent).free
        raise OutputError(
            f"Expected {count} rendered pictures in {escaped(target.parent)}, got {found}; {free / 2**20:.0f} MiB are "
            "free there. Free some space or choose another folder."
        )


def _exact_rate(fps: Fraction) -> list[str]:
    """FFmpeg options that time each frame exactly: MoviePy rounds rates to two decimals, 24000/1001 to 23.98."""
    return [
        "-vf",
        f"settb=1/90000,setpts=round(N*90000*{fps.denominator}/{fps.numerator})",
        "-r",
        f"{fps.numerator}/{fps.denominator}",
    ]


class FramesInOrder:
    """Frames by time for a caller whose times only ever grow, their longer side at most `long_side` pixels."""

    def __init__(self, shown: Iterator[DecodedFrame], long_side: int = _FULL_SIZE) -> None:
        self._coming = shown
        self._long_side = long_side
        self._next: DecodedFrame | None = next(shown)
        self._picture: np.ndarray | None = None

    def at(self, time_s: float) -> np.ndarray:
        """The picture on display at `time_s`, uint8 [height, width, 3], both even."""
        # Half a millisecond of grace: container times are rounded, and a frame must not come one late for that.
        while self._next is not None and (self._picture is None or self._next.time_s <= time_s + 0.0005):
            self._picture = even(self._next.rgb(self._long_side))
            self._next = next(self._coming, None)
        if self._picture is None:
            raise RuntimeError("A clip yields one frame or raises.")
        return self._picture


def even(picture: np.ndarray) -> np.ndarray:
    """The picture with its last row and column repeated where its height or width, in pixels, is odd."""
    height, width, _ = picture.shape
    if not height % 2 and not width % 2:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def need_moviepy(why: str, instead: str) -> Any:
    """MoviePy's VideoClip. Raises MissingPackage, with `why` it is needed and what to do `instead`."""
    try:
        from moviepy import VideoClip
    except ImportError as error:
        raise missing_package(f"{why}, which is not installed", "moviepy", otherwise=instead) from error
    return VideoClip


def moviepy_is_missing() -> str:
    """What to do about it where MoviePy is not installed; empty where it is."""
    try:
        need_moviepy("The rendered video needs MoviePy", "leave the rendering off")
    except MissingPackage as error:
        return str(error)
    return ""


def _logger(progress: Progress) -> Any:
    """A MoviePy logger that reports the share of frames written and lets the host stop the run."""
    from proglog import ProgressBarLogger

    class Reporter(ProgressBarLogger):
        def bars_callback(self, bar: str, attr: str, value: int, old_value: int | None = None) -> None:
            if attr == "index":
                progress.update(value / max(self.bars[bar]["total"] or 1, 1))

    return Reporter(min_time_interval=0.1)
