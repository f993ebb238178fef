"""Presentation times of frames, also where a container stores decoding times or none."""

from __future__ import annotations

import heapq
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

# FFmpeg's demuxers for containers that stamp packets in order of decoding, whatever the codec's order of display.
_WITHOUT_DISPLAY_TIMES = {"avi", "h264", "hevc", "m4v", "mpegvideo"}
# A step back of more than this is a clock that was set back, as where two recordings were joined; less is jitter.
_RESET_S = 1.0


class FrameTimes:
    """Gives each frame of a stream, in the decoder's order, which is that of display, a time that never goes back.

    Where stamps are in order of decoding, the n-th frame shown has the n-th smallest stamp. That is taken to be so in
    containers that know no other, and wherever stamps grow from packet to packet but not from frame to frame.
    """

    def __init__(self, container: str, stream: av.VideoStream, zero_s: Fraction, fps: Fraction) -> None:
        self._base = Fraction(stream.time_base or 1)
        self._zero_s = zero_s
        self._period_s = float(1 / fps)
        self._sorted = container in _WITHOUT_DISPLAY_TIMES and bool(stream.codec_context.has_b_frames)
        self._waiting: list[int] = []
        self._last_packet: int | None = None
        self._packets_grow = True
        self._last_frame: int | None = None
        self._last_s: float | None = None
        self._set_back_s = 0.0

    @property
    def in_decoding_order(self) -> bool:
        """Whether the stamps are those of decoding: such a stream is read from its start, since a seek loses count."""
        return self._sorted

    def feed(self, packet: av.Packet) -> None:
        """Note a packet that is about to be decoded."""
        if packet.pts is None or not packet.size:
            return
        self._packets_grow &= self._last_packet is None or packet.pts > self._last_packet
        self._last_packet = packet.pts
        if self._packets_grow or self._sorted:
            heapq.heappush(self._waiting, packet.pts)

    def lose(self, packet: av.Packet) -> None:
        """Forget a packet that could not be decoded."""
        if packet.pts in self._waiting:
            self._waiting.remove(packet.pts)
            heapq.heapify(self._waiting)

    def of(self, frame: av.VideoFrame) -> float:
        """The frame's time in seconds from the first shown one of the file."""
        stamp = self._stamp(frame.pts)
        if stamp is None:
            time_s = 0.0 if self._last_s is None else self._last_s + self._period_s
        else:
            time_s = float(stamp * self._base - self._zero_s) + self._set_back_s
        if self._last_s is not None and time_s < self._last_s:
            if time_s < self._last_s - _RESET_S:
                self._set_back_s += self._last_s + self._period_s - time_s
                time_s = self._last_s + self._period_s
            time_s = max(time_s, self._last_s)
        self._last_s = time_s
        return time_s

    def _stamp(self, pts: int | None) -> int | None:
        if pts is None:
            return None
        goes_back = self._last_frame is not None and pts < self._last_frame
        self._last_frame = pts
        self._sorted |= goes_back and self._packets_grow
        smallest = heapq.heappop(self._waiting) if self._waiting else pts
        return smallest if self._sorted else pts
