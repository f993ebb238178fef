"""Deinterlacing by FFmpeg's motion-adaptive filter bwdif: a frame for each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from deepsound.errors import MediaError
from deepsound.media.decode import DecodedFrame

if TYPE_CHECKING:
    import av

# Frames are numbered, since the filter needs growing stamps and a file may have none.
_CLOCK = Fraction(1, 25)


def deinterlace(shown: Iterator[DecodedFrame]) -> Iterator[DecodedFrame]:
    """The frames in order with both fields at one instant, times as they were; progressive ones are left as they are.

    Raises MediaError where a frame cannot be filtered.
    """
    import av

    fields: _Fields | None = None
    for frame in shown:
        try:
            if fields is not None and not fields.takes(frame):
                yield from fields.rest()
                fields = None
            fields = fields or _Fields(frame)
            yield from fields.filtered(frame)
        except av.FFmpegError as error:
            raise MediaError(
                f"The frame at {frame.time_s:.2f} s cannot be deinterlaced: {error}. Convert the video to mp4."
            ) from error
    if fields is not None:
        yield from fields.rest()


class _Fields:
    """A filter graph for frames of one size and format; the filter looks one frame ahead."""

    def __init__(self, first: DecodedFrame) -> None:
        import av

        self._kind = _kind(first.native)
        self._waiting: deque[DecodedFrame] = deque()
        self._count = 0
        self._graph = av.filter.Graph()
        width, height, name = self._kind
        source = self._graph.add_buffer(width=width, height=height, format=cast(Any, name), time_base=_CLOCK)
        filter_ = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(filter_)
        filter_.link_to(sink)
        self._graph.configure()

    def takes(self, frame: DecodedFrame) -> bool:
        return _kind(frame.native) == self._kind

    def filtered(self, frame: DecodedFrame) -> Iterator[DecodedFrame]:
        """Put a frame in; those that are ready come out."""
        native = frame.native
        native.pts, native.time_base = self._count, _CLOCK
        self._count += 1
        self._waiting.append(frame)
        self._graph.push(native)
        yield from self._ready()

    def rest(self) -> Iterator[DecodedFrame]:
        """The frames that were waited for, at the end."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[DecodedFrame]:
        import av

        while self._waiting:
            try:
                made = cast("av.VideoFrame", self._graph.pull())
            except (av.BlockingIOError, EOFError):
                return
            yield self._waiting.popleft().with_native(made)


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
