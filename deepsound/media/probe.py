"""Media probing: a file's tracks, sizes, rates and durations, decoding one frame at most."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import InputError, MediaError
from deepsound.media.container import open_input, packets
from deepsound.media.length import Length, cut_short, picture_length, sound_length
from deepsound.media.rotation import orientation_of
from deepsound.media.streams import Kind, Track, choose, left_out, tracks_of

if TYPE_CHECKING:
    import av
    import av.container
    import av.stream


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
    """The chosen sound track: `sample_rate` in Hz, `duration_s` None where the file does not state it.

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
        """Notes for the user on how this file was read: sentences, often none."""
        return (*(f"Not used: {track}." for track in self.left_out), *self.warnings)

    def _track(self, kind: Kind) -> Track | None:
        if kind == "picture":
            return choose(self.tracks, kind)
        return choose(self.tracks, kind, self.audio.track) if self.audio is not None else None


def probe(path: Path | str, audio_track: int | None = None) -> MediaInfo:
    """Describe a local media file and choose its tracks: the default ones, or the first that can be decoded.

    `audio_track` chooses another sound track by its number, counted from 1. Raises InputError for a bad path or for a
    track that cannot be used (the message lists them), MediaError for anything that cannot be played.
    """
    with open_input(path) as container:
        tracks = tracks_of(container)
        picture = choose(tracks, "picture")
        sound = _chosen_sound(path, tracks, None if audio_track is None else audio_track - 1)
        if picture is None and sound is None:
            raise MediaError(_nothing_usable(path, tracks))
        stream = container.streams.video[picture.number] if picture is not None else None
        video, shown = _video_info(container, stream) if stream is not None else (None, Length())
        audio, sounding = _audio_info(container, sound) if sound is not None else (None, Length())
        duration_s = video.duration_s if video is not None else sounding.duration_s or 0.0
        warnings = cut_short(container, shown, sounding)
        return MediaInfo(Path(path), container.format.name, duration_s, video, audio, tracks, warnings)


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


def _video_info(container: av.container.InputContainer, stream: av.VideoStream) -> tuple[VideoStreamInfo, Length]:
    first = _first_frame(container, stream)
    time_base = Fraction(stream.time_base or 1)
    start_s = Fraction(first.pts * time_base) if first.pts is not None else Fraction(0)
    length, fps = picture_length(container, stream, start_s)
    duration_s = max(length.duration_s or 0.0, float(1 / fps))
    orientation = orientation_of(first)
    aspect = _sample_aspect(stream)
    width, height = orientation.displayed_size(round(first.width * aspect), first.height)
    video = VideoStreamInfo(
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
    return video, length


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


def _sample_aspect(stream: av.VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio
    # Real material lies between 8:11 and 64:33 or so; anything far off is a damaged header.
    return Fraction(aspect) if aspect and Fraction(1, 4) <= aspect <= 4 else Fraction(1)


def _audio_info(container: av.container.InputContainer, track: Track) -> tuple[AudioStreamInfo, Length]:
    stream = container.streams.audio[track.number]
    context = stream.codec_context
    start_s = (stream.start_time or 0) * Fraction(stream.time_base or 1)
    length = sound_length(container, stream, start_s)
    audio = AudioStreamInfo(
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        codec=context.name,
        duration_s=length.duration_s,
        start_s=start_s,
        track=track.number,
        layout=context.layout.name,
    )
    return audio, length
