"""Streaming video decoding: the frames shown in a window of time, upright, scaled on demand."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from deepsound.errors import MediaError
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.probe import MediaInfo, need_video
from deepsound.media.rotation import Orientation, orientation_of
from deepsound.media.streams import first_video
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import av
    import av.container
    from av.video.reformatter import VideoReformatter


class DecodedFrame:
    """One displayed frame (see media.views.Frame); pictures are scaled when asked for and kept per size."""

    def __init__(self, frame: av.VideoFrame, time_s: float, scaler: Scaler) -> None:
        self.time_s = time_s
        self._frame = frame
        self._scaler = scaler
        self._pictures: dict[tuple[str, int], np.ndarray] = {}

    def rgb(self, long_side: int) -> np.ndarray:
        """The upright picture, uint8 [height, width, 3], its longer side at most `long_side` pixels."""
        return self._picture("rgb24", long_side)

    def gray(self, long_side: int) -> np.ndarray:
        """The upright picture's luma, uint8 [height, width], scaled likewise."""
        return self._picture("gray", long_side)

    def _picture(self, pixel_format: str, long_side: int) -> np.ndarray:
        key = (pixel_format, long_side)
        if key not in self._pictures:
            self._pictures[key] = self._scaler.picture(self._frame, pixel_format, long_side)
        return self._pictures[key]


class Scaler:
    """Scales frames with swscale; keeps one context per format and size, which a fresh one per frame would not.

    The first frame's orientation is every frame's: a look at a frame's side data ties the frame into a reference cycle,
    and hundreds of full-size pictures would wait for the garbage collector.
    """

    def __init__(self, sample_aspect: Fraction) -> None:
        self._sample_aspect = sample_aspect
        self._contexts: dict[tuple[str, int, int], VideoReformatter] = {}
        self._orientation: Orientation | None = None

    def picture(self, frame: av.VideoFrame, pixel_format: str, long_side: int) -> np.ndarray:
        from av.video.reformatter import VideoReformatter

        width, height = fitted_size(round(frame.width * self._sample_aspect), frame.height, long_side)
        context = self._contexts.setdefault((pixel_format, width, height), VideoReformatter())
        scaled = context.reformat(frame, width, height, pixel_format, interpolation="AREA")
        if self._orientation is None:
            self._orientation = orientation_of(frame)
        return self._orientation.apply(scaled.to_ndarray())


def fitted_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height in pixels, scaled down (never up) so that the longer is at most `long_side`."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def frames(
    info: MediaInfo,
    start_s: float,
    duration_s: float,
    progress: Progress | None = None,
) -> Iterator[DecodedFrame]:
    """The frames shown within [start_s, start_s + duration_s) of the video, in order, times counted from start_s.

    The frame on display at `start_s` counts as time 0. Edit lists and varying frame rates are honoured, memory stays
    flat. Frames before a damaged part are kept. Raises MediaError when there is no video or not one frame decodes.
    """
    video = need_video(info)
    pace = ThrottledProgress(progress or Progress())
    scaler = Scaler(video.sample_aspect)
    end_s = start_s + duration_s
    shown: av.VideoFrame | None = None
    last_s = 0.0
    count = 0
    for time_s, frame in _frames_from(info, start_s):
        pace.update((time_s - start_s) / duration_s)
        if time_s >= end_s:
            break
        if time_s <= start_s:
            shown = frame
            continue
        if shown is not None:
            yield DecodedFrame(shown, 0.0, scaler)
            shown, count = None, count + 1
        last_s = max(last_s, time_s - start_s)
        yield DecodedFrame(frame, last_s, scaler)
        count += 1
    if shown is not None:
        yield DecodedFrame(shown, 0.0, scaler)
    elif not count:
        raise MediaError(
            f"{info.path}: no frame between {start_s:.2f} s and {end_s:.2f} s decodes; the file may "
            "be cut short or damaged there. Choose an earlier part, or get the file again."
        )


def _frames_from(info: MediaInfo, start_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """Frames with their times in seconds from the first shown one, beginning at or before `start_s`."""
    if start_s > 0:
        late = True
        for index, (time_s, frame) in enumerate(_decoded(info, start_s)):
            if index == 0 and time_s > start_s:
                # The container has no usable index: read it from its start instead.
                break
            late = False
            yield time_s, frame
        if not late:
            return
    yield from _decoded(info, None)


def _decoded(info: MediaInfo, seek_s: float | None) -> Iterator[tuple[float, av.VideoFrame]]:
    import av

    video = need_video(info)
    with open_input(info.path) as container:
        stream = first_video(container)
        if stream is None:
            return
        stream.thread_type = "AUTO"
        time_base = Fraction(stream.time_base or 1)
        if seek_s is not None and not _seek(container, stream, seek_s + float(video.start_s)):
            return
        index = 0
        for packet in packets(container, stream):
            try:
                decoded = stream.decode(packet)
            except av.FFmpegError:
                # One damaged packet: players skip it and show what follows.
                continue
            for frame in decoded:
                stamp = frame.pts * time_base - video.start_s if frame.pts is not None else index / video.fps
                index += 1
                yield float(stamp), frame


def _seek(container: av.container.InputContainer, stream: av.VideoStream, time_s: float) -> bool:
    import av

    try:
        container.seek(int(time_s / Fraction(stream.time_base or 1)), stream=stream, backward=True)
    except av.FFmpegError:
        return False
    return True
