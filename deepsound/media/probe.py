"""What a media file holds, found without decoding more than its first frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError, MediaError
from deepsound.media.container import open_input, packets
from deepsound.media.rotation import orientation_of
from deepsound.media.streams import Kind, Track, choose, left_out, tracks_of

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream

_FALLBACK_FPS = Fraction(25)
# A faster "rate" is a container's clock, taken for one where it tells no rate (as Matroska does for varying ones).
_MAX_FPS = 480
_US_PER_S = 1_000_000


@dataclass(frozen=True)
class VideoStreamInfo:
    """The chosen picture track: `width` and `height` in pixels as displayed, after rotation and sample aspect.

    `start_s` is the first shown frame's time on the container's clock; all other times count from there.
    """

    width: int
    height: int
    fps: Fraction
    duration_s: float
    frame_count_estimate: int
    codec: str
    rotation_degrees: int
    pixel_format: str
    sample_aspect: Fraction = Fraction(1)
    start_s: Fraction = Fraction(0)


@dataclass(frozen=True)
class AudioStreamInfo:
    """The chosen sound track: `sample_rate` in Hz, `duration_s` None where the container does not tell.

    `start_s` is the first sample's time on the container's clock, `track` its number among the file's sound tracks,
    and `layout` FFmpeg's name for what the channels are ("5.1", "7.1(wide)"; "6 channels" where that is not known).
    """

    sample_rate: int
    channels: int
    codec: str
    duration_s: float | None
    start_s: Fraction = Fraction(0)
    track: int = 0
    layout: str = ""


@dataclass(frozen=True)
class MediaInfo:
    """A file's container (FFmpeg's name), `duration_s` of the picture (of the sound where there is no picture).

    `tracks` are all its picture and sound tracks. `warnings` are sentences about damage, for people.
    """

    path: Path
    container: str
    duration_s: float
    video: VideoStreamInfo | None
    audio: AudioStreamInfo | None
    tracks: tuple[Track, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """The tracks that are not used, each with the reason, for people."""
        return left_out(self.tracks, (self._track("picture"), self._track("sound")))

    @property
    def notes(self) -> tuple[str, ...]:
        """All that a person should be told about the reading of this file: sentences, often none."""
        return (*(f"Left out: {track}." for track in self.left_out), *self.warnings)

    def _track(self, kind: Kind) -> Track | None:
        if kind == "picture":
            return choose(self.tracks, kind)
        return choose(self.tracks, kind, self.audio.track) if self.audio is not None else None


def probe(path: Path | str, audio_track: int | None = None) -> MediaInfo:
    """Describe a local media file and choose its tracks: the default ones, or the first that can be decoded.

    `audio_track` chooses another sound track by its number, counted from 0. Raises InputError for a bad path or for a
    track that cannot be used (the message lists them), MediaError for anything that cannot be played.
    """
    with open_input(path) as container:
        tracks = tracks_of(container)
        picture = choose(tracks, "picture")
        sound = _chosen_sound(path, tracks, audio_track)
        if picture is None and sound is None:
            raise MediaError(_nothing_usable(path, tracks))
        audio = _audio_info(container.streams.audio[sound.number], sound) if sound is not None else None
        video = _video_info(container, container.streams.video[picture.number]) if picture is not None else None
        duration_s = video.duration_s if video is not None else _sound_duration_s(container, audio)
        return MediaInfo(Path(path), container.format.name, duration_s, video, audio, tracks)


def need_video(info: MediaInfo) -> VideoStreamInfo:
    """The video stream's description. Raises MediaError for a file that holds sound alone."""
    if info.video is None:
        raise MediaError(f"{info.path} holds sound but no video{_unusable(info, 'picture')}; give a video file.")
    return info.video


def need_audio(info: MediaInfo) -> AudioStreamInfo:
    """The sound's description. Raises MediaError for a file without sound."""
    if info.audio is None:
        raise MediaError(f"{info.path} holds no sound{_unusable(info, 'sound')}; give a file with sound.")
    return info.audio


def _unusable(info: MediaInfo, kind: Kind) -> str:
    """The tracks of a kind that cannot be used, in parentheses; empty where there is none."""
    listed = left_out(tuple(track for track in info.tracks if track.kind == kind), ())
    return f" that can be decoded ({'; '.join(listed)})" if listed else ""


def _chosen_sound(path: Path | str, tracks: tuple[Track, ...], number: int | None) -> Track | None:
    try:
        return choose(tracks, "sound", number)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _nothing_usable(path: Path | str, tracks: tuple[Track, ...]) -> str:
    if not tracks:
        return f"{path} holds neither video nor sound; give another file."
    return f"{path} holds nothing that can be decoded ({'; '.join(left_out(tracks, ()))}); convert it, say to H.264."


def _video_info(container: av.container.InputContainer, stream: av.VideoStream) -> VideoStreamInfo:
    first = _first_frame(container, stream)
    time_base = Fraction(stream.time_base or 1)
    start_s = Fraction(first.pts * time_base) if first.pts is not None else Fraction(0)
    duration_s, fps = _timing(container, stream, start_s)
    duration_s = max(duration_s, float(1 / fps))
    orientation = orientation_of(first)
    aspect = _sample_aspect(stream)
    width, height = orientation.displayed_size(round(first.width * aspect), first.height)
    return VideoStreamInfo(
        width=width,
        height=height,
        fps=fps,
        duration_s=duration_s,
        frame_count_estimate=max(1, round(duration_s * fps)),
        codec=stream.codec_context.codec.canonical_name,
        rotation_degrees=orientation.degrees,
        pixel_format=first.format.name,
        sample_aspect=aspect,
        start_s=start_s,
    )


def _first_frame(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame:
    import av

    for packet in packets(container, stream):
        try:
            for frame in packet.decode():
                if frame.width and frame.height:
                    return frame
        except av.FFmpegError:
            # A damaged start is skipped: players show the first frame that can be decoded.
            continue
    raise MediaError(
        f"{container.name} holds no frame that can be decoded; it may be empty, cut short or damaged. "
        "Try to play it, or get it again."
    )


def _fps(stream: av.VideoStream) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _MAX_FPS:
            return Fraction(rate)
    return _FALLBACK_FPS


def _sample_aspect(stream: av.VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    # Real material lies between 8:11 and 64:33 or so; anything far off is a damaged header.
    return Fraction(aspect) if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


def _stated_duration_s(container: av.container.InputContainer, stream: av.VideoStream, start_s: Fraction) -> float:
    """The picture's duration as the container's headers tell it; 0 where they do not."""
    if stream.duration and stream.duration > 0:
        return float(stream.duration * Fraction(stream.time_base or 1))
    tagged = _tagged_duration_s(stream.metadata.get("DURATION", ""))
    if tagged > 0:
        return tagged - float(start_s)
    return max(0.0, ((container.duration or 0) + (container.start_time or 0)) / _US_PER_S - float(start_s))


def _tagged_duration_s(text: str) -> float:
    """Matroska's per-stream DURATION tag, hh:mm:ss.fraction, in seconds; 0 where it says nothing usable."""
    try:
        hours, minutes, seconds = text.split(":")
        total = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return 0.0
    return total if math.isfinite(total) else 0.0


@dataclass(frozen=True)
class _Tail:
    """What the packets from some point to the file's end tell, in seconds from the first shown frame."""

    packets: int
    last_s: float
    end_s: float


def _tail(path: str, index: int, start_s: Fraction, seek_s: float | None) -> _Tail:
    """Read the packets' times, from the keyframe before `seek_s` on; nothing is decoded."""
    import av

    count, last_s, end_s = 0, 0.0, 0.0
    with open_input(path) as container:
        stream = container.streams[index]
        time_base = Fraction(stream.time_base or 1)
        if seek_s is not None:
            try:
                container.seek(int((Fraction(seek_s) + start_s) / time_base), stream=stream, backward=True)
            except av.FFmpegError:
                return _Tail(0, 0.0, 0.0)
        for packet in packets(container, stream):
            if packet.size and not packet.is_discard:
                count += 1
                if packet.pts is not None:
                    last_s = max(last_s, float(packet.pts * time_base - start_s))
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * time_base - start_s))
    return _Tail(count, last_s, end_s)


def _timing(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    start_s: Fraction,
) -> tuple[float, Fraction]:
    """The picture's duration in seconds and mean frame rate.

    Headers err: they may count the sound's length, leave frames out where rates vary, or have been written before a
    live recording ended. So what they say holds only where it ends within the last frame.
    """
    fps = _fps(stream)
    stated_s = _stated_duration_s(container, stream, start_s)
    tail = _tail(container.name, stream.index, start_s, stated_s) if stated_s > 0 else _Tail(0, 0.0, 0.0)
    if stated_s > 0 and (not tail.packets or tail.last_s < stated_s <= tail.end_s):
        duration_s = stated_s
    else:
        tail = tail if tail.end_s > 0 else _tail(container.name, stream.index, start_s, None)
        shortest_s = tail.last_s + float(1 / fps) if tail.last_s else tail.packets / float(fps)
        duration_s = tail.end_s if tail.end_s > tail.last_s else shortest_s
    if not stream.average_rate or stream.average_rate > _MAX_FPS:
        everything = _tail(container.name, stream.index, start_s, None)
        fps = Fraction(everything.packets / duration_s).limit_denominator(1001) if duration_s > 0 else fps
    return duration_s, fps if fps > 0 else _FALLBACK_FPS


def _audio_info(stream: av.AudioStream, track: Track) -> AudioStreamInfo:
    context = stream.codec_context
    time_base = Fraction(stream.time_base or 1)
    return AudioStreamInfo(
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        codec=context.name,
        duration_s=float(stream.duration * time_base) if stream.duration else None,
        start_s=(stream.start_time or 0) * time_base,
        track=track.number,
        layout=context.layout.name,
    )


def _sound_duration_s(container: av.container.InputContainer, audio: AudioStreamInfo | None) -> float:
    if audio is not None and audio.duration_s:
        return audio.duration_s
    return (container.duration or 0) / _US_PER_S
