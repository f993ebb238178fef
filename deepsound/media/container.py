"""Opens local media files within fixed limits and turns failures into MediaError."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError, MediaError
from deepsound.runtime.paths import broken_link, is_dir, is_file
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

# Demuxers for recorded video and sound. Playlists (hls, concat, dash) and image patterns open other files: not here.
FORMATS = (
    "mov",
    "matroska",
    "avi",
    "flv",
    "mpeg",
    "mpegts",
    "mpegvideo",
    "m4v",
    "h264",
    "hevc",
    "ivf",
    "obu",
    "gif",
    "mjpeg",
    "asf",
    "mxf",
    "nut",
    "dv",
    "yuv4mpegpipe",
    "ogg",
    "wav",
    "w64",
    "mp3",
    "flac",
    "aac",
    "ac3",
    "eac3",
    "aiff",
    "au",
    "caf",
    "amr",
    "wv",
    "tta",
    "ape",
    "dts",
)
OPEN_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}

# 8192 x 8192, twice an 8K frame: a header asking for more is refused before anything is allocated.
MAX_FRAME_PIXELS = 8192 * 8192


def check_input_path(path: Path | str) -> Path:
    """The absolute path of a readable, non-empty local file. Raises InputError or MediaError saying what is wrong."""
    if "\0" in str(path) or not str(path):
        raise InputError(f"{str(path)!r} is not a file name; give the path of a video or sound file.")
    file = Path(path).absolute()
    try:
        if is_dir(file, MediaError):
            raise MediaError(f"{file} is a folder; give the path of a video or sound file.")
        size = file.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        raise MediaError(broken_link(file, MediaError) or f"{file} does not exist; check the path.") from None
    except OSError as error:
        raise MediaError(f"{file} cannot be read ({error.strerror}); check the path and its permissions.") from error
    if not is_file(file, MediaError):
        raise MediaError(f"{file} is not a regular file; give the path of a video or sound file.")
    if not os.access(file, os.R_OK):
        raise MediaError(f"{file} cannot be read: permission denied; change its permissions or copy it.")
    if size == 0:
        raise MediaError(f"{file} is empty (0 bytes); it was perhaps not fully downloaded, get it again.")
    return file


@contextmanager
def open_input(path: Path | str) -> Iterator[av.container.InputContainer]:
    """Open a local media file for reading; MediaError when it is none, is damaged, or asks for too large frames."""
    import av

    file = check_input_path(path)
    try:
        # Not `options`, which go to each stream too: PyAV 14 then crashes on a stream that appears while it opens.
        container = av.open(str(file), mode="r", container_options=OPEN_OPTIONS)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{file} cannot be read as video or sound ({reason(error)}); it may be damaged, cut short or "
            "another kind of file. Try to play it, or convert it to mp4."
        ) from error
    try:
        for stream in container.streams.video:
            if stream.codec_context is None:
                continue
            _check_frame_size(file, stream.codec_context.width, stream.codec_context.height)
            stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        yield container
    finally:
        container.close()


def packets(container: av.container.InputContainer, *streams: av.stream.Stream) -> Iterator[av.Packet]:
    """The streams' packets up to the file's end or its first unreadable part, so that what is before it is kept."""
    import av

    try:
        yield from container.demux(*streams)
    except (av.FFmpegError, IndexError):
        # IndexError: PyAV stumbles over a stream that appeared after the file was opened, once all else has been read.
        # An empty packet makes a decoder give the frames it still holds; one that has done so refuses, which is caught.
        for stream in streams:
            last = av.Packet()
            last.stream = stream
            yield last


def reason(error: Exception) -> str:
    """FFmpeg's own words for an error, without the number and the path around them."""
    return str(getattr(error, "strerror", None) or error).strip()


def _check_frame_size(file: Path, width: int, height: int) -> None:
    if width * height > MAX_FRAME_PIXELS:
        raise MediaError(
            f"{file} claims frames of {width} x {height} pixels, over the limit of {MAX_FRAME_PIXELS} "
            "pixels a frame; scale the video down, or check that it is not damaged."
        )


class ThrottledProgress:
    """Checks for cancellation on every call and reports progress about ten times a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._next = time.monotonic()

    def check(self) -> None:
        self._progress.check()

    def update(self, fraction: float | None) -> None:
        if time.monotonic() >= self._next:
            self._progress.update(fraction)
            self._next = time.monotonic() + 0.1
        else:
            self._progress.check()
