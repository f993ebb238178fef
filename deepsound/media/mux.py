"""Muxing: the picture's packets are copied, only the new sound is encoded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError, OutputError
from deepsound.media.clip import Clip
from deepsound.media.container import ThrottledProgress, open_input
from deepsound.media.edit_list import show_for
from deepsound.media.encode import SoundEncoder, encodable, stored_layout, within_full_scale
from deepsound.media.files import atomic_write, output_error
from deepsound.media.formats import Container, container_for, sound_codec
from deepsound.media.inventory import kept_tags, take_inventory
from deepsound.media.length_policy import Lengths, settle_lengths
from deepsound.media.metadata import copy_flags, copy_track_facts, later_timecode, needs_key_list, windowed_chapters
from deepsound.media.mux_audit import audit
from deepsound.media.mux_plan import check_rendering, check_times, replaced_track
from deepsound.media.mux_report import MuxReport
from deepsound.media.other_tracks import OtherTracks
from deepsound.media.packet_copy import NotCopyableError, PictureWindow
from deepsound.media.streams import first_video
from deepsound.media.wav import refuse_nonfinite
from deepsound.runtime.paths import is_same_file
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

_MOST_MOVIE_TICKS = 2**31


@dataclass(frozen=True)
class MuxResult:
    """What became of picture and sound: `reencoded_because` is empty where the picture was copied, and `audio` the
    sound as it was stored, None where there is none. `report` states what became of everything else.
    """

    audio: Audio | None
    audio_codec: str
    reencoded_because: str = ""
    report: MuxReport = field(default_factory=lambda: MuxReport("", "", ""))


def mux(
    video_path: Path | str,
    audio: Audio | None,
    output_path: Path | str,
    start_s: float = 0.0,
    duration_s: float | None = None,
    audio_codec: str | None = None,
    metadata: Mapping[str, str] | None = None,
    progress: Progress = Progress(),
    length: str = "as_is",
) -> MuxResult:
    """Write the window of a video with `audio` in place of its sound (None or no samples: without sound).

    The container follows `output_path`'s suffix (.mp4, .m4v, .mov, .webm, .mkv). The picture is copied bit for bit,
    with its times, rotation and aspect. `audio_codec` is one of the container's (default AAC, in webm Opus, in mkv
    FLAC). A window that does not begin at a keyframe is copied from the keyframe before, and an edit list hides the
    lead-in. Where that cannot be (mkv; a codec the container does not take) the picture is rendered again as H.264,
    which webm refuses with an InputError. Other sound tracks, subtitles, chapters, attachments, tags and time code go
    along where the container holds them; `MuxResult.report` says what came of each.

    What readers get back: the audio's length and place to the sample, save that Opus, and AAC at a rate it lacks, turn
    to 48000 Hz, that FLAC and pcm_s16le round to 24 and 16 bits, and that a sound beyond full scale is turned down as a
    whole (`MuxResult.report.gain_db`) for every codec but pcm_f32le. mkv and webm windows may show a few frames past
    their end. `length` is a policy of media.length_policy for a sound that is longer or shorter than the window.
    Raises InputError, MediaError or OutputError; on failure nothing is left behind and an earlier file stays.
    """
    clip = Clip.open(video_path, start_s, duration_s)
    return mux_clip(clip, audio, output_path, audio_codec, metadata, progress, length)


def mux_clip(
    clip: Clip,
    audio: Audio | None,
    output_path: Path | str,
    audio_codec: str | None = None,
    metadata: Mapping[str, str] | None = None,
    progress: Progress = Progress(),
    length: str = "as_is",
    container_why: str = "",
) -> MuxResult:
    """As mux, for a clip that is open; its chosen sound track is the one that gives way."""
    target = Path(output_path)
    container = container_for(target)
    codec = sound_codec(container, audio_codec)
    if is_same_file(target, clip.path, OutputError):
        raise InputError(f"The output {target} is the input video itself; choose another name, so that it is kept.")
    check_times(clip, container)
    lengths, gain_db = Lengths(None, clip.duration_s), 0.0
    if audio is not None and audio.samples:
        refuse_nonfinite(audio.numpy(), "put under a video")
        fitting, gain_db = within_full_scale(encodable(audio, codec, progress), codec)
        lengths = settle_lengths(fitting, clip.duration_s, length)
    job = _Job(clip, container, lengths, codec, dict(metadata or {}), length == "loop", progress, gain_db)
    obstacle = ""
    with atomic_write(target) as partial:
        try:
            job.write(clip, partial, target)
        except NotCopyableError as error:
            obstacle = str(error)
            _render_and_write(job, partial, target, obstacle)
        report = job.report(partial, obstacle, container_why)
    return MuxResult(lengths.audio, codec, obstacle, report)


def _render_and_write(job: _Job, partial: Path, target: Path, obstacle: str) -> None:
    from deepsound.media.render import render

    check_rendering(job.clip, job.container, obstacle)
    # Beside the output, where there is room for a video, and not in a temporary folder that may be small.
    with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=target.parent) as folder:
        rendered = Path(folder) / "picture.mp4"
        render(job.clip, rendered, job.progress)
        job.write(Clip.open(rendered), partial, target)


@dataclass(frozen=True)
class _Job:
    """What is to be written, whatever the picture's source."""

    clip: Clip
    container: Container
    lengths: Lengths
    codec: str
    metadata: dict[str, str]
    loop: bool
    progress: Progress
    gain_db: float

    def write(self, picture: Clip, partial: Path, target: Path) -> None:
        """Write with the picture of a clip: the job's own, or one rendered from it."""
        import av

        if picture.video.codec not in self.container.pictures:
            raise NotCopyableError(f"its codec is {picture.video.codec}")
        window = PictureWindow(picture, self.lengths.picture_s, self.loop, self.progress)
        if window.lead_in.hidden and not self.container.hides:
            raise NotCopyableError(f"its first frames must be hidden, which {self.container.name} cannot")
        try:
            self._write(window, partial)
            if self.container.hides:
                # FFmpeg counts decoding times, which lag behind the pictures where the frame rate varies.
                show_for(partial, self.lengths.picture_s)
        except av.FFmpegError as error:
            raise output_error(target, OSError(error.errno, error.strerror)) from error

    def report(self, output: Path, obstacle: str, container_why: str) -> MuxReport:
        """What the written file holds of what the source held."""
        windowed = self.clip.start_s > 0 or self.clip.duration_s < self.clip.video.duration_s - 1e-6
        before, after = take_inventory(self.clip.path), take_inventory(output)
        items = audit(
            before,
            after,
            self.container,
            replaced_track(self.clip),
            self.lengths.audio is not None,
            windowed,
            bool(obstacle),
        )
        codec = next((track.codec for track in after.tracks if track.index == after.picture), "")
        return MuxReport(
            self.container.name,
            codec,
            self._sound_text(),
            obstacle,
            container_why,
            self.lengths.said,
            items,
            self.gain_db,
        )

    def _sound_text(self) -> str:
        audio = self.lengths.audio
        if audio is None:
            return ""
        speakers = stored_layout(audio, self.codec)
        return f"{self.codec}, {audio.sample_rate} Hz, {speakers}, {audio.duration_s:.3f} s"

    def _write(self, window: PictureWindow, partial: Path) -> None:
        import av

        tags = self._tags()
        others = OtherTracks(self.clip, self.container, replaced_track(self.clip))
        with others, open_input(window.clip.path) as source, open_input(self.clip.path) as original:
            stream = first_video(source)
            if stream is None:
                raise NotCopyableError("it holds no picture")
            options = self._options(window.clock.rate, tags)
            with av.open(str(partial), "w", format=self.container.format, options=options) as output:
                picture = self._picture_track(output, stream, original)
                sound = self._sound_track(output, original)
                others.add_to(output)
                self._add_chapters(output, original)
                output.metadata.update(tags)
                output.start_encoding()
                self._mux(output, self._interleave(window.packets(source, stream), picture, sound, others))
        self.progress.update(1.0)

    def _mux(self, output: av.container.OutputContainer, coming: Iterator[av.Packet]) -> None:
        pace = ThrottledProgress(self.progress)
        for packet in coming:
            pace.update(float((packet.dts or 0) * Fraction(packet.time_base)) / self.lengths.picture_s)
            output.mux(packet)

    def _interleave(
        self,
        pictures: Iterator[av.Packet],
        picture: av.VideoStream,
        sound: SoundEncoder | None,
        others: OtherTracks,
    ) -> Iterator[av.Packet]:
        """The picture's packets, now of the stream `picture`, each after all other tracks up to its time."""
        for packet in pictures:
            time_s = float((packet.dts or 0) * Fraction(packet.time_base))
            if sound is not None:
                yield from sound.packets_until(time_s)
            yield from others.until(time_s)
            packet.stream = picture
            yield packet
        if sound is not None:
            yield from sound.remaining_packets()
        yield from others.until(float("inf"))

    def _picture_track(
        self, output: av.container.OutputContainer, stream: av.VideoStream, original: av.container.InputContainer
    ) -> av.VideoStream:
        picture = _copied_stream(output, stream)
        source = first_video(original)
        if source is not None:
            copy_track_facts(source, picture, default=True)
        timecode = picture.metadata.pop("timecode", "") or picture.metadata.pop("TIMECODE", "")
        if timecode:
            frames = round(self.clip.start_s * float(self.clip.video.fps))
            picture.metadata["timecode"] = later_timecode(timecode, frames, self.clip.video.fps)
        return picture

    def _sound_track(
        self, output: av.container.OutputContainer, original: av.container.InputContainer
    ) -> SoundEncoder | None:
        if self.lengths.audio is None:
            return None
        sound = SoundEncoder(output, self.lengths.audio, self.codec)
        replaced = replaced_track(self.clip)
        if replaced is not None:
            source = original.streams[replaced]
            if "language" in source.metadata:
                sound.stream.metadata["language"] = source.metadata["language"]
            copy_flags(source, sound.stream, default=True)
        return sound

    def _add_chapters(self, output: av.container.OutputContainer, original: av.container.InputContainer) -> None:
        zero_s = self.clip.video.start_s + Fraction(self.clip.start_s)
        chapters = windowed_chapters(original, zero_s, self.lengths.picture_s)
        if chapters and "chapters" in self.container.keeps:
            output.set_chapters(chapters)

    def _tags(self) -> dict[str, str]:
        with open_input(self.clip.path) as source:
            return kept_tags(source.metadata) | self.metadata

    def _options(self, picture_ticks: int, tags: dict[str, str]) -> dict[str, str]:
        # Dolby Vision, 3D and spherical records are written under this alone.
        options = {"strict": "unofficial"}
        if not self.container.hides:
            # Matroska's random ids are left out, so that the same request leaves the same bytes.
            return options | {"fflags": "+bitexact"}
        # Edits count in the movie's timescale: only the sound's own rate lets them end on its last sample.
        audio = self.lengths.audio
        ticks = audio.sample_rate if audio is not None else 90_000
        longest_s = max(self.lengths.picture_s, audio.duration_s if audio is not None else 0.0)
        if longest_s * ticks >= _MOST_MOVIE_TICKS:
            ticks = max(1000, int(_MOST_MOVIE_TICKS / longest_s))
        # Without the key list the muxer drops every tag it has no atom for, a graph for instance.
        movflags = "+faststart" + "+use_metadata_tags" * needs_key_list(self.container.format, tags)
        return options | {
            "movflags": movflags,
            "movie_timescale": str(ticks),
            "video_track_timescale": str(picture_ticks),
        }


def _copied_stream(output: av.container.OutputContainer, stream: av.VideoStream) -> av.VideoStream:
    try:
        picture = output.add_stream_from_template(stream, opaque=True)
    except ValueError as error:
        raise NotCopyableError(str(error)) from error
    if stream.codec_context.codec.canonical_name == "hevc" and output.format.name in ("mp4", "mov"):
        # Apple's players show HEVC under this tag alone.
        picture.codec_context.codec_tag = "hvc1"
    return picture
