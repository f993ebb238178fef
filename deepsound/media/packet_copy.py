"""Packet copying of a clip's window, timed from its start on a fine time base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from deepsound.media.clip import Clip
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.display_order import display_ranks
from deepsound.media.streams import first_video
from deepsound.runtime.progress import Progress

if TYPE_CHECKING:
    import av
    import av.container

# Coarse clocks (1/25 s in an AVI) would cut the picture up to half a frame away from the sound.
LEAST_TICKS = 10_000
_GOOD_TICKS = 90_000
# mp4 and mov count with 32 bits, one of which is kept free.
_MOST_TICKS = 2**31


class NotCopyableError(Exception):
    """The picture's packets cannot go into the container as they are."""


@dataclass(frozen=True)
class Clock:
    """A fine clock of `rate` ticks a second beside a stream's own time base."""

    base: Fraction
    rate: int

    @classmethod
    def of(cls, base: Fraction, duration_s: float) -> Clock:
        """A multiple of the stream's own ticks, at least 90000 a second; fewer where `duration_s` fills 31 bits.

        Never fewer than 10000, at which a frame's time is rounded by less than a sample of most sounds.
        """
        most = int(_MOST_TICKS / max(duration_s, 1.0))
        times = min(-(-_GOOD_TICKS // base.denominator), most // base.denominator)
        return cls(base, base.denominator * times if times else max(LEAST_TICKS, most))

    def rescaled(self, ticks: int) -> int:
        """A time of the stream in ticks of this clock."""
        return round(ticks * self.base * self.rate)

    def original(self, ticks: int) -> int:
        """A time of this clock in ticks of the stream, rounded down."""
        return int(Fraction(ticks, self.rate) // self.base)

    def ticks(self, seconds: float | Fraction) -> int:
        """Seconds in ticks of this clock."""
        return round(Fraction(seconds) * self.rate)


@dataclass(frozen=True)
class LeadIn:
    """Where copying begins, in ticks of the clock: the window's `zero`, the frame on display then, what is before."""

    zero: int
    shown: int
    hidden: bool
    seek: bool


class PictureWindow:
    """The packets of a clip's window, timed from its start in ticks of `clock`.

    `shown_s` is how long the picture lasts: with a longer one than the clip's the last frame stays on display, or
    with `loop` the window is shown again and again. Raises NotCopyableError where packets cannot tell this.
    """

    def __init__(self, clip: Clip, shown_s: float, loop: bool, progress: Progress) -> None:
        self.clip = clip
        self._ranks = display_ranks(clip.info, progress)
        with open_input(clip.path) as source:
            base = Fraction(_picture(source).time_base or 1)
        self.clock = Clock.of(base, shown_s)
        self._shown_s = shown_s
        self._is_looped = loop and shown_s > clip.duration_s
        self.lead_in = self._find_lead_in()
        self._to_end = clip.start_s + clip.duration_s >= clip.video.duration_s - 1e-9
        if self._is_looped and self.lead_in.hidden:
            raise NotCopyableError("the part to repeat does not begin at a keyframe")

    def check(self, progress: Progress) -> None:
        """Read all the packets that would be copied. Raises NotCopyableError where one of them cannot be."""
        pace = ThrottledProgress(progress)
        with open_input(self.clip.path) as source:
            for _ in self.packets(source, _picture(source)):
                pace.check()

    def packets(self, source: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
        """The packets in order of decoding, up to the last one shown; of those past the end, the ones it needs."""
        if self._is_looped:
            return self._loop(source, stream)
        return self._hold_last(self._once(source, stream, self.clip.duration_s, self._to_end))

    def _hold_last(self, once: Iterator[av.Packet]) -> Iterator[av.Packet]:
        """The packets, the last one lasting as long as the picture does."""
        end, last = self.clock.ticks(self._shown_s), None
        for packet in once:
            if last is not None:
                yield last
            last = packet
        if last is not None:
            if self._shown_s > self.clip.duration_s:
                last.duration = max(last.duration or 0, end - (last.dts or 0))
            yield last

    def _loop(self, source: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
        length, begin_s = self.clock.ticks(self.clip.duration_s), 0.0
        round_number = 0
        while begin_s < self._shown_s:
            left_s = self._shown_s - begin_s
            to_end = self._to_end and left_s >= self.clip.duration_s
            for packet in self._once(source, stream, min(left_s, self.clip.duration_s), to_end, round_number > 0):
                packet.pts = (packet.pts or 0) + round_number * length
                packet.dts = (packet.dts or 0) + round_number * length
                yield packet
            round_number += 1
            begin_s = round_number * self.clip.duration_s

    def _once(
        self,
        source: av.container.InputContainer,
        stream: av.VideoStream,
        duration_s: float,
        to_end: bool,
        again: bool = False,
    ) -> Iterator[av.Packet]:
        zero = self.lead_in.zero
        self._seek(source, stream, zero if self.lead_in.seek else None, again)
        end = zero + self.clock.ticks(duration_s)
        waiting: list[av.Packet] = []
        for packet in _in_order(self._fine(packets(source, stream))):
            pts, dts = packet.pts or 0, packet.dts or 0
            if dts >= end and not to_end:
                break
            past_end = packet.is_discard and pts >= zero if to_end else pts >= end
            waiting.append(self._retime(packet))
            if not past_end:
                yield from waiting
                waiting.clear()

    def _retime(self, packet: av.Packet) -> av.Packet:
        """The packet with times from the window's start, where the frame on display then begins."""
        lead_in = self.lead_in
        if packet.pts == lead_in.shown:
            packet.duration = max(0, (packet.duration or 0) - (lead_in.zero - lead_in.shown))
            packet.pts = lead_in.zero
        packet.pts = (packet.pts or 0) - lead_in.zero
        packet.dts = (packet.dts or 0) - lead_in.zero
        return packet

    def _fine(self, coarse: Iterator[av.Packet]) -> Iterator[av.Packet]:
        """The packets with times in the clock's ticks, and display times of their own where the container has none."""
        clock = self.clock
        for index, packet in enumerate(packet for packet in coarse if packet.size):
            packet.duration = clock.rescaled(packet.duration or 0)
            packet.pts = None if packet.pts is None else clock.rescaled(packet.pts)
            packet.dts = None if packet.dts is None else clock.rescaled(packet.dts)
            packet.time_base = Fraction(1, clock.rate)
            if self._ranks is not None:
                self._place(packet, index)
            yield packet

    def _place(self, packet: av.Packet, index: int) -> None:
        """Give a packet the time at which it is shown, and one before that at which it is decoded."""
        if self._ranks is None or index >= len(self._ranks.shown):
            raise NotCopyableError("its packets carry no display times")
        first, step = self.clock.ticks(self.clip.video.start_s), self.clock.rescaled(self._ranks.step)
        packet.pts = first + self._ranks.shown[index] * step
        packet.dts = first + (index - self._ranks.delay) * step
        packet.duration = step

    def _find_lead_in(self) -> LeadIn:
        """Look at the packets before the window's first shown frame."""
        can_seek = self.clip.start_s > 0 and self._ranks is None
        for seek in (True, False) if can_seek else (False,):
            with open_input(self.clip.path) as source:
                stream = _picture(source)
                zero = self.clock.ticks(self.clip.video.start_s + Fraction(self.clip.start_s))
                self._seek(source, stream, zero if seek else None)
                stamps = _stamps_before(self._fine(packets(source, stream)), zero)
            if stamps and min(stamps) <= zero:
                shown = max(stamp for stamp in stamps if stamp <= zero)
                return LeadIn(zero, shown, hidden=min(stamps) < shown, seek=seek)
        raise NotCopyableError("its packets are not timed in order")

    def _seek(
        self, source: av.container.InputContainer, stream: av.VideoStream, ticks: int | None, again: bool = False
    ) -> None:
        """Move reading to the keyframe at or before `ticks`; for None to the start, where it is read `again`."""
        import av

        try:
            if ticks is not None:
                source.seek(self.clock.original(ticks), stream=stream, backward=True)
            elif again:
                source.seek(0, backward=True)
        except av.FFmpegError as error:
            raise NotCopyableError("it cannot be sought in") from error


def _stamps_before(fine: Iterator[av.Packet], zero: int) -> list[int]:
    """Presentation times of the packets that are decoded up to `zero`, of all that may be shown by then."""
    stamps = []
    for packet in fine:
        if packet.pts is None or (packet.dts is not None and packet.dts > zero):
            break
        stamps.append(packet.pts)
    return stamps


def _in_order(stream_packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """The packets with a decoding time each, growing: the first few of a Matroska file come without one."""
    untimed: list[av.Packet] = []
    last_dts: int | None = None
    for packet in stream_packets:
        if packet.dts is None and last_dts is None:
            untimed.append(packet)
            continue
        if packet.pts is None or packet.dts is None or (last_dts is not None and packet.dts <= last_dts):
            raise NotCopyableError("its packets are not timed in order")
        for before, early in enumerate(reversed(untimed), start=1):
            early.dts = packet.dts - before * (packet.duration or 1)
        last_dts = packet.dts
        yield from untimed
        untimed.clear()
        yield packet
    yield from _decoded_in_time(untimed)


def _decoded_in_time(untimed: list[av.Packet]) -> list[av.Packet]:
    """Times of decoding for a whole stream that has none: a Matroska file of fewer frames than FFmpeg looks ahead.

    Decoding runs ahead by as many frames as the order of display needs, the first of them a millisecond apart.
    """
    if any(packet.pts is None for packet in untimed):
        raise NotCopyableError("its packets carry no display times")
    shown = sorted(packet.pts or 0 for packet in untimed)
    if len(set(shown)) < len(shown):
        raise NotCopyableError("its packets are not timed in order")
    delay = max((index - shown.index(packet.pts or 0) for index, packet in enumerate(untimed)), default=0)
    for index, packet in enumerate(untimed, start=-delay):
        millisecond = max(1, packet.time_base.denominator // 1000)
        packet.dts = shown[index] if index >= 0 else shown[0] + index * millisecond
    return untimed


def _picture(source: av.container.InputContainer) -> av.VideoStream:
    stream = first_video(source)
    if stream is None:
        raise NotCopyableError("it holds no picture")
    return stream
