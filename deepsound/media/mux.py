"""Putting a sound under a video: the picture's packets are copied as they are, only the sound is encoded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError, OutputError
from deepsound.media.clip import Clip
from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.edit_list import show_for
from deepsound.media.encode import SoundEncoder, encodable
from deepsound.media.files import atomic_write, output_error
from deepsound.media.formats import Container, container_for, sound_codec
from deepsound.media.streams import first_video
from deepsound.media.wav import refuse_nonfinite
from deepsound.runtime.paths import is_same_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import av
    import av.container

# Facts of the old container and its tracks; the new one has its own.
_STRUCTURAL_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}

_LEAST_TICKS = 10_000


class _NotCopyableError(Exception):
    """The picture's packets cannot go into the container as they are."""


@dataclass(frozen=True)
class Muxed:
    """What became of picture and sound: `reencoded_because` is empty where the picture was copied, and `audio` the
    sound as it was stored, None where there is none.
    """

    audio: Audio | None
    audio_codec: str
    reencoded_because: str = ""


def mux(
    video_path: Path | str,
    audio: Audio | None,
    output_path: Path | str,
    start_s: float = 0.0,
    duration_s: float | None = None,
    audio_codec: str | None = None,
    metadata: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Muxed:
    """Write the window of a video with `audio` as its only sound (None or no samples: without sound).

    The container follows `output_path`'s suffix (.mp4, .m4v, .mov, .webm, .mkv). The picture is copied bit for bit,
    with its times, rotation and aspect. `audio_codec` is one of the container's (default AAC, in webm Opus, in mkv
    FLAC). A window that does not begin at a keyframe is copied from the keyframe before, and an edit list hides the
    lead-in. Where that cannot be (mkv; a codec the container does not take) the picture is rendered again as H.264,
    which webm refuses with an InputError.

    What readers get back: the audio's length and place to the sample, save that Opus, and AAC at a rate it lacks, turn
    to 48000 Hz, and that FLAC and pcm_s16le round to 24 and 16 bits. mkv and webm windows may show a few frames past
    their end. An audio longer or shorter than the window stays so.
    Raises InputError, MediaError or OutputError; on failure nothing is left behind and an earlier file stays.
    """
    progress = progress or Progress()
    target = Path(output_path)
    container = container_for(target)
    codec = sound_codec(container, audio_codec)
    clip = Clip.open(video_path, start_s, duration_s)
    _refuse_own_input(clip.path, target)
    if audio is not None and audio.samples:
        refuse_nonfinite(audio.numpy(), "put under a video")
        audio = encodable(audio, codec, progress)
    else:
        audio = None
    job = _Job(container, audio, codec, dict(metadata or {}), progress)
    try:
        job.write(clip, target)
    except _NotCopyableError as obstacle:
        _render_and_write(job, clip, target, obstacle)
        return Muxed(audio, codec, str(obstacle))
    return Muxed(audio, codec)


def _refuse_own_input(source: Path, target: Path) -> None:
    if is_same_file(target, source, OutputError):
        raise InputError(f"The output {target} is the input video itself; choose another name, so that it is kept.")


def _render_and_write(job: _Job, clip: Clip, target: Path, obstacle: Exception) -> None:
    from deepsound.media.render import render

    if "h264" not in job.container.pictures:
        raise InputError(
            f"{clip.path} cannot be written as {target.suffix} as it is ({obstacle}), and {target.suffix} "
            "takes no H.264 either; choose .mp4."
        ) from obstacle
    with tempfile.TemporaryDirectory(prefix="deepsound-") as folder:
        rendered = Path(folder) / "picture.mp4"
        render(clip, rendered, job.progress)
        job.write(Clip.open(rendered), target, tags=_tags(clip.path))


@dataclass(frozen=True)
class _Job:
    """What is to be written, whatever the picture's source."""

    container: Container
    audio: Audio | None
    codec: str
    metadata: dict[str, str]
    progress: Progress

    def write(self, clip: Clip, target: Path, tags: dict[str, str] | None = None) -> None:
        import av

        if clip.video.codec not in self.container.pictures:
            raise _NotCopyableError(f"its codec is {clip.video.codec}")
        lead_in = _lead_in(clip)
        if lead_in.hidden and not self.container.hides:
            raise _NotCopyableError(f"its first frames must be hidden, which {self.container.format} cannot")
        with atomic_write(target) as partial:
            window = _Window(clip, lead_in)
            try:
                self._write(window, partial, _tags(clip.path) if tags is None else tags)
                if self.container.hides:
                    # FFmpeg counts decoding times, which lag behind the pictures where the frame rate varies.
                    show_for(partial, clip.duration_s)
            except av.FFmpegError as error:
                raise output_error(target, OSError(error.errno, error.strerror)) from error

    def _write(self, window: _Window, partial: Path, tags: dict[str, str]) -> None:
        import av

        with open_input(window.clip.path) as source:
            stream = window.open_at(source)
            options = self._options(Fraction(stream.time_base or 1))
            with av.open(str(partial), "w", format=self.container.format, options=options) as output:
                picture = _copied_stream(output, stream)
                sound = SoundEncoder(output, self.audio, self.codec) if self.audio is not None else None
                output.metadata.update(tags | self.metadata)
                output.start_encoding()
                pace = ThrottledProgress(self.progress)
                for packet in self._interleaved(window.packets(source, stream), picture, sound):
                    pace.update(float((packet.dts or 0) * Fraction(packet.time_base)) / window.clip.duration_s)
                    output.mux(packet)
        self.progress.update(1.0)

    def _interleaved(
        self,
        pictures: Iterator[av.Packet],
        picture: av.VideoStream,
        sound: SoundEncoder | None,
    ) -> Iterator[av.Packet]:
        """The picture's packets, now of the stream `picture`, each after the sound up to its time."""
        for packet in pictures:
            if sound is not None:
                yield from sound.packets_until(float((packet.dts or 0) * Fraction(packet.time_base)))
            packet.stream = picture
            yield packet
        if sound is not None:
            yield from sound.remaining_packets()

    def _options(self, time_base: Fraction) -> dict[str, str]:
        if not self.container.hides:
            return {}
        # Edits count in the movie's timescale: only the sound's own rate lets them end on its last sample. The picture
        # keeps its ticks, made finer where they are coarse, so that no frame's time is rounded.
        rate = self.audio.sample_rate if self.audio is not None else 90000
        ticks = time_base.denominator * max(1, -(-_LEAST_TICKS // time_base.denominator))
        # Without the last flag the muxer drops every tag it has no atom for, a graph for instance.
        movflags = "+faststart" + "+use_metadata_tags" * bool(self.metadata)
        return {"movflags": movflags, "movie_timescale": str(rate), "video_track_timescale": str(ticks)}


@dataclass(frozen=True)
class _LeadIn:
    """Where copying begins, in ticks of the stream: the window's `zero`, the frame on display then, what is before."""

    zero: int
    shown: int
    hidden: bool
    seek: bool


class _Window:
    """The packets of a clip's window, timed from its start."""

    def __init__(self, clip: Clip, lead_in: _LeadIn) -> None:
        self.clip = clip
        self._lead_in = lead_in
        self._to_end = clip.start_s + clip.duration_s >= clip.video.duration_s - 1e-9

    def open_at(self, source: av.container.InputContainer) -> av.VideoStream:
        return _at(source, self._lead_in.zero if self._lead_in.seek else None)

    def packets(self, source: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
        """Packets up to the last one shown; of those past the end, the ones it needs."""
        time_base = Fraction(stream.time_base or 1)
        end = self._lead_in.zero + round(self.clip.duration_s / time_base)
        waiting: list[av.Packet] = []
        for packet in _in_order(packets(source, stream)):
            pts, dts = packet.pts or 0, packet.dts or 0
            if dts >= end and not self._to_end:
                break
            past_end = packet.is_discard and pts >= self._lead_in.zero if self._to_end else pts >= end
            waiting.append(self._timed(packet))
            if not past_end:
                yield from waiting
                waiting.clear()

    def _timed(self, packet: av.Packet) -> av.Packet:
        """The packet with times from the window's start, where the frame on display then begins."""
        lead_in = self._lead_in
        if packet.pts == lead_in.shown:
            packet.duration = max(0, (packet.duration or 0) - (lead_in.zero - lead_in.shown))
            packet.pts = lead_in.zero
        packet.pts = (packet.pts or 0) - lead_in.zero
        packet.dts = (packet.dts or 0) - lead_in.zero
        return packet


def _in_order(stream_packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """The packets with a decoding time each, growing: the first few of a Matroska file come without one."""
    untimed: list[av.Packet] = []
    last_dts: int | None = None
    for packet in stream_packets:
        if not packet.size:
            continue
        if packet.dts is None and last_dts is None:
            untimed.append(packet)
            continue
        if packet.pts is None or packet.dts is None or (last_dts is not None and packet.dts <= last_dts):
            raise _NotCopyableError("its packets are not timed in order")
        for before, early in enumerate(reversed(untimed), start=1):
            early.dts = packet.dts - before * (packet.duration or 1)
        last_dts = packet.dts
        yield from untimed
        untimed.clear()
        yield packet
    if untimed:
        raise _NotCopyableError("its packets carry no decoding times")


def _lead_in(clip: Clip) -> _LeadIn:
    """Look at the packets before the window's first shown frame."""
    for seek in (True, False) if clip.start_s > 0 else (False,):
        with open_input(clip.path) as source:
            stream = first_video(source)
            time_base = Fraction(stream.time_base or 1) if stream is not None else Fraction(1)
            zero = round((clip.video.start_s + Fraction(clip.start_s)) / time_base)
            stamps = _stamps_before(source, _at(source, zero if seek else None), zero)
        if stamps and min(stamps) <= zero:
            shown = max(stamp for stamp in stamps if stamp <= zero)
            return _LeadIn(zero, shown, hidden=min(stamps) < shown, seek=seek)
    raise _NotCopyableError("its packets are not timed in order")


def _stamps_before(source: av.container.InputContainer, stream: av.VideoStream, zero: int) -> list[int]:
    """Presentation times of the packets that are decoded up to `zero`, of all that may be shown by then."""
    stamps = []
    for packet in packets(source, stream):
        if packet.pts is None or (packet.dts is not None and packet.dts > zero):
            break
        stamps.append(packet.pts)
    return stamps


def _at(source: av.container.InputContainer, ticks: int | None) -> av.VideoStream:
    """The picture's stream, with reading moved to the keyframe at or before `ticks`."""
    import av

    stream = first_video(source)
    if stream is None:
        raise _NotCopyableError("it holds no picture")
    if ticks is not None:
        try:
            source.seek(ticks, stream=stream, backward=True)
        except av.FFmpegError as error:
            raise _NotCopyableError("it cannot be sought in") from error
    return stream


def _copied_stream(output: av.container.OutputContainer, stream: av.VideoStream) -> av.VideoStream:
    try:
        picture = output.add_stream_from_template(stream, opaque=True)
    except ValueError as error:
        raise _NotCopyableError(str(error)) from error
    if stream.codec_context.codec.canonical_name == "hevc" and output.format.name in ("mp4", "mov"):
        # Apple's players show HEVC under this tag alone.
        picture.codec_context.codec_tag = "hvc1"
    return picture


def _tags(path: Path) -> dict[str, str]:
    with open_input(path) as source:
        return {name: text for name, text in source.metadata.items() if name.lower() not in _STRUCTURAL_TAGS}
