"""Conversion between ComfyUI's AUDIO, VIDEO and IMAGE and the library's types."""

from __future__ import annotations

import hashlib
import os
import weakref
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl

from deepsound.errors import InputError
from deepsound.media.image_video import write_frames
from deepsound.runtime.paths import exists
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host, host_folders
from .audio_input import audio_of, audios_of
from .tensors import has_alpha, images_of

if TYPE_CHECKING:
    from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
    from deepsound.media.clip import Clip

__all__ = ["audio_of", "audios_of", "clip_of", "sight_of", "silence_like", "to_comfy", "video_of"]

# A VIDEO's clip remembers what was seen of the pictures, so the nodes of one graph decode them once. It goes with the
# VIDEO itself, which ComfyUI's own cache holds.
_OWNERS: Counter[Path] = Counter()
_CLIPS: weakref.WeakKeyDictionary[Any, Clip] = weakref.WeakKeyDictionary()


def to_comfy(*sounds: Audio) -> dict[str, Any]:
    """An AUDIO: waveform [batch, channels, samples] on the CPU, and its rate in Hz; the sounds must be alike."""
    import torch

    waveforms = [sound.waveform.detach().cpu() for sound in sounds]
    # One sound is not copied: that of a long video may be gigabytes in mapped memory.
    waveform = waveforms[0].unsqueeze(0) if len(waveforms) == 1 else torch.stack(waveforms)
    return {"waveform": waveform, "sample_rate": sounds[0].sample_rate}


def silence_like(audio: Audio) -> Audio:
    """Digital silence with the length, rate and channels of `audio`."""
    import torch

    return Audio(torch.zeros_like(audio.waveform), audio.sample_rate)


def clip_of(video: Any, progress: Progress) -> Clip:
    """The clip a VIDEO shows, its trim window respected.

    One that is not a file yet, such as images joined by another node, is written to ComfyUI's temporary folder first.
    Packs older than ComfyUI's VIDEO pass a path: a file of ComfyUI's own folders is taken. Raises InputError for
    anything that has neither a file nor components.
    """
    if isinstance(video, str):
        return _clip_at(video)
    if video is None:
        raise InputError("video: no video arrived (NoneType); connect a node that loads or makes one.")
    if not (hasattr(video, "get_stream_source") or hasattr(video, "get_components")):
        raise InputError(
            f"video: expected a VIDEO, got {type(video).__name__}; connect a node that gives ComfyUI's VIDEO."
        )
    try:
        known = _CLIPS.get(video)
    except TypeError:
        # An object that cannot be a weak key: opened again by each node.
        return _open_clip(video, progress)
    if known is None:
        known = _CLIPS[video] = _open_clip(video, progress)
    return known


def _clip_at(path: str) -> Clip:
    from deepsound.media.clip import Clip

    found = host_folders.served_file(path)
    if found is None:
        raise InputError(
            f"video: expected a VIDEO, or a file in ComfyUI's input, output or temp folder, got {path[:200]!r}; put "
            "the file there and connect Load Video."
        )
    return Clip.open(found)


def sight_of(video: Any, images: Any, fps: float, masked: bool, progress: Progress) -> VisualCondition:
    """What MMAudio is shown: a video's clip, an IMAGE batch at `fps`, one image as a still picture, or nothing.

    Raises InputError for several images without a rate.
    """
    from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
    from deepsound.media.sequence import ImageSequence, as_bytes

    if video is not None:
        return VisualCondition(clip_of(video, progress), masked=masked)
    if images is None:
        return VisualCondition()
    batch = images_of(images)
    if has_alpha(images):
        progress.note("The images' alpha channel is ignored.")
    if len(batch) == 1:
        return VisualCondition(still=as_bytes(batch[0]).permute(2, 0, 1), masked=masked)
    if fps <= 0:
        raise InputError(f"images: {len(batch)} images need their rate; set fps to that of the node they come from.")
    return VisualCondition(ImageSequence(batch, fps), masked=masked)


def video_of(clip: Clip, progress: Progress) -> Any:
    """A VIDEO that shows the clip and nothing outside its window; `clip_of` gives this very clip of it again."""
    video = _as_video(clip, progress)
    _CLIPS[video] = clip
    return video


def _as_video(clip: Clip, progress: Progress) -> Any:
    if clip.start_s == 0 and clip.duration_s == clip.info.duration_s:
        return InputImpl.VideoFromFile(str(clip.path))
    if hasattr(InputImpl.VideoFromFile, "get_active_trim_window"):
        return InputImpl.VideoFromFile(str(clip.path), start_time=clip.start_s, duration=clip.duration_s)
    cut = _cut_out(clip, progress)
    return owning(InputImpl.VideoFromFile(str(cut)), cut)


def _cut_out(clip: Clip, progress: Progress) -> Path:
    """The window as a file of its own, sound included: the oldest cores cannot trim a VIDEO."""
    from deepsound.media.mux import mux

    cut = host_folders.temp_path(".mp4")
    mux(clip.path, clip.audio(progress), cut, start_s=clip.start_s, duration_s=clip.duration_s, progress=progress)
    return cut


def _open_clip(video: Any, progress: Progress) -> Clip:
    from deepsound.media.clip import Clip

    window = getattr(video, "get_active_trim_window", lambda: None)()
    start_s, duration_s = window or (0.0, 0.0)
    return Clip.open(_file_of(video, progress), float(start_s or 0.0), float(duration_s or 0.0) or None)


def _file_of(video: Any, progress: Progress) -> Path:
    """The VIDEO's own file, or one made of it in the temporary folder."""
    source = None if isinstance(video, InputImpl.VideoFromComponents) else _stream_source(video)
    if source is None:
        made = _write_video(video.get_components(), progress)
        owning(video, made)
        return made
    if isinstance(source, (str, os.PathLike)):
        return Path(source)
    content = _bytes_of(source)
    path = host_folders.temp_path(".video", hashlib.sha256(content).hexdigest()[:16])
    if not exists(path):
        from deepsound.media.files import atomic_write

        with atomic_write(path) as partial:
            partial.write_bytes(content)
    owning(video, path)
    return path


def _stream_source(video: Any) -> Any:
    """The VIDEO's path or stream; None where it can only be made from its components."""
    if not hasattr(video, "get_stream_source"):
        return None
    try:
        return video.get_stream_source()
    except Exception as error:
        # The host's base class encodes here, which the oldest core cannot do with a newer PyAV.
        if comfy_host.is_interruption(error) or not hasattr(video, "get_components"):
            raise
        return None


def _bytes_of(source: Any) -> bytes:
    if hasattr(source, "getvalue"):
        return bytes(source.getvalue())
    if hasattr(source, "read"):
        source.seek(0)
        return bytes(source.read())
    return bytes(source)


def _write_video(components: Any, progress: Progress) -> Path:
    path = host_folders.temp_path(".mp4")
    if has_alpha(components.images):
        progress.note("The video's alpha channel is ignored.")
    write_frames(images_of(components.images, "video"), _frame_rate(components.frame_rate), path, progress)
    if getattr(components, "audio", None) is None:
        return path
    from deepsound.media.mux import mux

    sounding = host_folders.temp_path(".mp4")
    mux(path, audio_of(components.audio, "the video's own sound"), sounding, progress=progress)
    path.unlink()
    return sounding


def _frame_rate(given: Any) -> Fraction:
    """Frames per second from any kind of number."""
    try:
        rate = given if isinstance(given, Fraction) else Fraction(float(given))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        rate = Fraction(0)
    if rate <= 0:
        raise InputError(f"video: expected a positive frame rate, got {given!r}; repair the node before.")
    return rate


def owning(video: Any, path: Path) -> Any:
    """`video`, with which `path` goes: a file in the temporary folder that was made for it and for VIDEOs alike."""
    try:
        weakref.finalize(video, _let_go, path).atexit = False
    except TypeError:
        # Cannot be watched: ComfyUI empties the folder when it starts.
        return video
    _OWNERS[path] += 1
    return video


def _let_go(path: Path) -> None:
    _OWNERS[path] -= 1
    if not _OWNERS[path]:
        del _OWNERS[path]
        path.unlink(missing_ok=True)
