"""Streaming video decoding: the frames shown in a window of time, upright, scaled on demand."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from deepsound.errors import MediaError
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.frame_times import FrameTimes
from deepsound.media.probe import MediaInfo, VideoStreamInfo, need_video
from deepsound.media.rotation import Orientation, orientation_of
from deepsound.media.streams import first_video
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import av
    import av.container
    from av.video.reformatter import VideoReformatter


# AVCOL_SPC_UNSPECIFIED.
_UNSPECIFIED_COLORS = 2


class DecodedFrame:
    """One displayed frame (see media.views.Frame); pictures are scaled on request and cached per size."""

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

    @property
    def native(self) -> av.VideoFrame:
        """The frame as the decoder gave it."""
        return self._frame

    def with_native(self, frame: av.VideoFrame) -> DecodedFrame:
        """A frame of the same time and place whose picture is that of `frame`."""
        return DecodedFrame(frame, self.time_s, self._scaler)

    def _picture(self, pixel_format: str, long_side: int) -> np.ndarray:
        key = (pixel_format, long_side)
        if key not in self._pictures:
            self._pictures[key] = self._scaler.picture(self._frame, pixel_format, long_side)
        return self._pictures[key]


class Scaler:
    """Scales frames with swscale to one size; keeps one context per format and size, not a fresh one per frame.

    A frame of another size than the first, as broadcasts and calls have in mid-stream, is fitted into the first one's
    with black around it; `notes` then says so. The first frame's orientation is every frame's: a look at a frame's
    side data ties the frame into a reference cycle, and hundreds of full-size pictures would wait for the collector.
    """

    def __init__(self, video: VideoStreamInfo, notes: list[str] | None = None) -> None:
        self._sample_aspect = video.sample_aspect
        size = (video.width, video.height)
        self._size = size[::-1] if video.rotation_degrees in (90, 270) else size
        self._contexts: dict[tuple[str, int, int], VideoReformatter] = {}
        self._orientation: Orientation | None = None
        self._notes = [] if notes is None else notes
        self._is_noted = False

    def check(self, frame: av.VideoFrame, time_s: float) -> None:
        """Note a frame whose size is not the first one's; the first such frame alone is noted."""
        size = self._displayed_size(frame)
        if size != self._size and not self._is_noted:
            self._is_noted = True
            (old_width, old_height), (width, height) = self._size, size
            self._notes.append(
                f"The picture's size changes from {old_width}x{old_height} to {width}x{height} at {time_s:.2f} s; "
                f"all frames are shown at {old_width}x{old_height}."
            )

    def picture(self, frame: av.VideoFrame, pixel_format: str, long_side: int) -> np.ndarray:
        width, height = fitted_size(*self._size, long_side)
        own_width, own_height = self._displayed_size(frame)
        scale = min(width / own_width, height / own_height)
        # A pixel of difference is rounding, not another shape.
        inner_width, inner_height = max(1, round(own_width * scale)), max(1, round(own_height * scale))
        fills = abs(inner_width - width) <= 1 and abs(inner_height - height) <= 1
        scaled = self._scale(frame, *((width, height) if fills else (inner_width, inner_height)), pixel_format)
        if self._orientation is None:
            self._orientation = orientation_of(frame)
        return self._orientation.apply(scaled if fills else _pad_to_size(scaled, width, height))

    def _displayed_size(self, frame: av.VideoFrame) -> tuple[int, int]:
        return max(1, round(frame.width * self._sample_aspect)), frame.height

    def _scale(self, frame: av.VideoFrame, width: int, height: int, pixel_format: str) -> np.ndarray:
        import av
        from av.video.reformatter import VideoReformatter

        context = self._contexts.setdefault((pixel_format, width, height), VideoReformatter())
        try:
            return context.reformat(frame, width, height, pixel_format, interpolation="AREA").to_ndarray()
        except av.FFmpegError:
            # A damaged header names a matrix of colours that nobody knows; players take the usual one.
            frame.colorspace = _UNSPECIFIED_COLORS
        try:
            return context.reformat(frame, width, height, pixel_format, interpolation="AREA").to_ndarray()
        except av.FFmpegError as error:
            raise MediaError(
                f"A frame of {frame.width}x{frame.height} pixels cannot be converted: {error}. Convert the "
                "video to mp4."
            ) from error


def _pad_to_size(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture in the middle of a black one of `width` x `height` pixels."""
    whole = np.zeros((height, width, *picture.shape[2:]), picture.dtype)
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return whole


def fitted_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height in pixels, scaled down (never up) so that the longer is at most `long_side`."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def frames(
    info: MediaInfo,
    start_s: float,
    duration_s: float,
    progress: Progress = Progress(),
    notes: list[str] | None = None,
) -> Iterator[DecodedFrame]:
    """The frames shown within [start_s, start_s + duration_s) of the video, in order, times counted from start_s.

    The frame on display at `start_s` counts as time 0. Edit lists and varying frame rates are honoured, memory stays
    flat. Frames before a damaged part are kept. All have the first frame's size; where the file's do not, a sentence
    is added to `notes`. Raises MediaError when there is no video or not one frame decodes.
    """
    video = need_video(info)
    pace = ThrottledProgress(progress)
    scaler = Scaler(video, notes)
    end_s = start_s + duration_s
    shown: av.VideoFrame | None = None
    count = 0
    for time_s, frame in _frames_from(info, start_s):
        pace.update((time_s - start_s) / duration_s)
        if time_s >= end_s:
            break
        scaler.check(frame, time_s)
        if time_s <= start_s:
            shown = frame
            continue
        if shown is not None:
            yield DecodedFrame(shown, 0.0, scaler)
            shown, count = None, count + 1
        yield DecodedFrame(frame, time_s - start_s, scaler)
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
        for index, (time_s, frame) in enumerate(_decode_frames(info, start_s)):
            if index == 0 and time_s > start_s:
                # The container has no usable index: read it from its start instead.
                break
            late = False
            yield time_s, frame
        if not late:
            return
    yield from _decode_frames(info, None)


def _decode_frames(info: MediaInfo, seek_s: float | None) -> Iterator[tuple[float, av.VideoFrame]]:
    import av

    video = need_video(info)
    with open_input(info.path) as container:
        stream = first_video(container)
        if stream is None:
            return
        stream.thread_type = "AUTO"
        times = FrameTimes(info.container, stream, video.start_s, video.fps)
        if seek_s is not None and (
            times.in_decoding_order or not _seek(container, stream, seek_s + float(video.start_s))
        ):
            return
        for packet in packets(container, stream):
            times.feed(packet)
            try:
                decoded = stream.decode(packet)
            except av.FFmpegError:
                # One damaged packet: players skip it and show what follows.
                times.lose(packet)
                continue
            for frame in decoded:
                if frame.pts is None and seek_s is not None:
                    # Without stamps nobody knows where a seek has led.
                    return
                yield times.of(frame), frame


def _seek(container: av.container.InputContainer, stream: av.VideoStream, time_s: float) -> bool:
    import av

    try:
        container.seek(int(time_s / Fraction(stream.time_base or 1)), stream=stream, backward=True)
    except av.FFmpegError:
        return False
    return True
