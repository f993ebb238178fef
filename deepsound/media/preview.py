"""Preview copies of videos that browsers play: the picture copied, else small H.264."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from deepsound.media.clip import Clip
from deepsound.media.decode import frames
from deepsound.media.encode import SoundEncoder, encodable
from deepsound.media.files import atomic_write, output_error
from deepsound.media.mux import mux_clip
from deepsound.media.render import even
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

_LONG_SIDE = 720
_OPTIONS = {"crf": "21", "preset": "veryfast"}
# What browsers play wherever they run; the rest is encoded again, smaller.
_PLAYED = {"h264": ("yuv420p", "yuvj420p"), "vp9": ("yuv420p",), "av1": ("yuv420p",)}


def has_playable_picture(clip: Clip) -> bool:
    """Whether browsers decode the picture's codec and pixel format."""
    return clip.video.pixel_format in _PLAYED.get(clip.video.codec, ())


def write_preview(clip: Clip, path: Path, progress: Progress = Progress(), with_sound: bool = True) -> None:
    """Write the clip's window as an mp4 that browsers play, its longer side at most 720 pixels where encoded again.

    Raises MediaError for what cannot be decoded, OutputError when the file cannot be written.
    """
    sound = clip.audio(progress.part(0, 0.2)) if with_sound else None
    if has_playable_picture(clip):
        mux_clip(clip, sound, path, progress=progress.part(0.2, 1))
        return
    _encode(clip, sound, path, progress.part(0.2, 1))


def _encode(clip: Clip, sound: Audio | None, path: Path, progress: Progress) -> None:
    """The pictures as H.264 with each frame at its own time, the sound as AAC beside them."""
    import av

    with atomic_write(path) as partial:
        try:
            with av.open(str(partial), "w", format="mp4") as container:
                stream: av.VideoStream | None = None
                encoder: SoundEncoder | None = None
                for shown in frames(clip.info, clip.start_s, clip.duration_s, progress):
                    picture = even(shown.rgb(_LONG_SIDE))
                    if stream is None:
                        stream = _picture_stream(container, clip, picture)
                        if sound is not None and sound.samples:
                            encoder = SoundEncoder(container, encodable(sound, "aac", progress), "aac")
                    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                    frame.pts, frame.time_base = round(shown.time_s * 90000), Fraction(1, 90000)
                    container.mux(stream.encode(frame))
                    for packet in encoder.packets_until(shown.time_s) if encoder else ():
                        container.mux(packet)
                if stream is not None:
                    container.mux(stream.encode(None))
                for packet in encoder.remaining_packets() if encoder else ():
                    container.mux(packet)
        except av.FFmpegError as error:
            raise output_error(path, OSError(error.errno, error.strerror)) from error


def _picture_stream(container: Any, clip: Clip, picture: np.ndarray) -> Any:
    stream = container.add_stream("libx264", rate=clip.video.fps, options=_OPTIONS)
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 90000)
    return stream
