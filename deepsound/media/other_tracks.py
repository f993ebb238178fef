"""Copies the remaining tracks of a source: sounds, subtitles, covers, attachments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from deepsound.media.clip import Clip
from deepsound.media.container import open_input, packets
from deepsound.media.formats import Container
from deepsound.media.inventory import codec_name
from deepsound.media.metadata import copy_track_facts

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

# Sound that begins this long before the window may still be on in it.
_SEEK_MARGIN_S = 2.0


class OtherTracks:
    """Copies, from a clip's file, the tracks that a container can hold beside picture and new sound.

    A context: `add_to` makes the tracks in an output, `until` gives their packets in order of time.
    """

    def __init__(self, clip: Clip, container: Container, replaced: int | None) -> None:
        self._clip = clip
        self._container = container
        self._replaced = replaced
        self._files = ExitStack()
        self._pairs: dict[int, av.stream.Stream] = {}
        self._coming: Iterator[av.Packet] = iter(())
        self._next: av.Packet | None = None
        self._zero_s = clip.video.start_s + Fraction(clip.start_s)

    def __enter__(self) -> OtherTracks:
        self._source = self._files.enter_context(open_input(self._clip.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add_to(self, output: av.container.OutputContainer) -> None:
        """Make the tracks; those that PyAV or the container refuse after all stay behind."""
        for stream in self._source.streams:
            try:
                self._add(output, stream)
            except (ValueError, TypeError, AttributeError, NotImplementedError):
                # Older PyAV copies no attachments; the report compares what came out with what there was.
                continue
        if self._pairs:
            self._seek()
            self._coming = self._retime(packets(self._source, *(self._source.streams[index] for index in self._pairs)))
            self._next = next(self._coming, None)

    def until(self, time_s: float) -> Iterator[av.Packet]:
        """The packets up to a time of the output."""
        while self._next is not None and float((self._next.dts or 0) * Fraction(self._next.time_base)) < time_s:
            yield self._next
            self._next = next(self._coming, None)

    def _add(self, output: av.container.OutputContainer, stream: av.stream.Stream) -> None:
        codec = codec_name(stream)
        if stream.type == "attachment":
            self._add_attachment(output, stream)
        elif stream.type == "video" and stream.disposition & stream.disposition.attached_pic:
            self._add_cover(output, stream)
        elif stream.index != self._replaced and codec in self._container.copied_tracks(stream.type):
            self._pair(output, stream)

    def _pair(self, output: av.container.OutputContainer, stream: av.stream.Stream) -> None:
        copied = output.add_stream_from_template(stream, opaque=True)
        keeps_default = stream.type != "audio" and bool(stream.disposition & stream.disposition.default)
        copy_track_facts(stream, copied, keeps_default)
        self._pairs[stream.index] = copied

    def _add_cover(self, output: av.container.OutputContainer, stream: Any) -> None:
        if "cover picture" not in self._container.keeps:
            if "attachments" in self._container.keeps:
                name = stream.metadata.get("filename", f"cover.{_COVER_SUFFIXES.get(codec_name(stream), 'jpg')}")
                kind = stream.metadata.get("mimetype", _COVER_TYPES.get(codec_name(stream), "image/jpeg"))
                output.add_attachment(name, kind, self._cover_bytes(stream))
            return
        copied = output.add_stream_from_template(stream, opaque=True)
        copied.disposition = stream.disposition.value
        self._pairs[stream.index] = copied

    def _cover_bytes(self, stream: Any) -> bytes:
        with open_input(self._clip.path) as source:
            return next((bytes(packet) for packet in packets(source, source.streams[stream.index]) if packet.size), b"")

    def _add_attachment(self, output: Any, stream: Any) -> None:
        if "attachments" in self._container.keeps and stream.data:
            output.add_attachment(
                stream.name or "attachment", stream.mimetype or "application/octet-stream", stream.data
            )

    def _seek(self) -> None:
        """Move to shortly before the window; subtitles are read from the start, as one may have begun any time ago."""
        import av

        has_subtitles = any(self._source.streams[index].type == "subtitle" for index in self._pairs)
        begin_s = float(self._zero_s) - _SEEK_MARGIN_S
        if self._clip.start_s > _SEEK_MARGIN_S and not has_subtitles:
            try:
                self._source.seek(int(begin_s * 1_000_000), backward=True)
            except av.FFmpegError:
                self._files.close()
                self._source = self._files.enter_context(open_input(self._clip.path))

    def _retime(self, coming: Iterator[av.Packet]) -> Iterator[av.Packet]:
        """Packets of the window, with times from its start, now of the output's tracks."""
        for packet in coming:
            stream = packet.stream
            if not packet.size or stream.index not in self._pairs:
                continue
            if stream.type == "video":
                packet.pts = packet.dts = 0
            elif not self._place(packet, stream.type == "subtitle"):
                continue
            packet.stream = self._pairs[stream.index]
            yield packet

    def _place(self, packet: av.Packet, is_subtitle: bool) -> bool:
        """Time a packet from the window's start; False for one outside it. Subtitles are shortened at both ends."""
        base = Fraction(packet.time_base)
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            return False
        begin = stamp - round(self._zero_s / base)
        end = begin + (packet.duration or 1)
        last = round(Fraction(self._clip.duration_s) / base)
        outside = begin >= last or (end <= 0 and self._clip.start_s > 0)
        if outside or (begin < 0 and not self._may_begin_early(is_subtitle)):
            return False
        if is_subtitle:
            begin, end = max(begin, 0), min(end, last)
            packet.duration = end - begin
        packet.pts = packet.dts = begin
        return True

    def _may_begin_early(self, is_subtitle: bool) -> bool:
        """Whether a packet from before the window does no harm: an edit list hides it, or it is the codec's priming."""
        return is_subtitle or self._container.hides or self._clip.start_s == 0


_COVER_SUFFIXES = {"mjpeg": "jpg", "png": "png", "bmp": "bmp", "gif": "gif", "webp": "webp"}
_COVER_TYPES = {"mjpeg": "image/jpeg", "png": "image/png", "bmp": "image/bmp", "gif": "image/gif", "webp": "image/webp"}
