"""Between ComfyUI's types and the library's: AUDIO to Audio and back, VIDEO to Clip."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from comfy_api.latest import InputImpl

from deepsound.errors import InputError
from deepsound.runtime.paths import exists
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host
from .frames import write_frames

if TYPE_CHECKING:
    import torch

    from deepsound.generate.mmaudio.sight import VisualCondition
    from deepsound.media.clip import Clip

# A VIDEO's clip remembers what was seen of the pictures, so the cards of one graph decode them once. It goes with the
# VIDEO itself, which ComfyUI's own cache holds.
_CLIPS: WeakKeyDictionary[Any, Clip] = WeakKeyDictionary()


def audios_of(audio: Any, what: str = "audio") -> list[Audio]:
    """The sounds of an AUDIO batch, float32 [channels, samples] each; integer samples are scaled to [-1, 1].

    Raises InputError for anything else, for an empty sound and for samples that are not finite.
    """
    waveform, sample_rate = _parts_of(audio, what)
    if not bool(waveform.isfinite().all()):
        count = int((~waveform.isfinite()).sum())
        raise InputError(
            f"{what}: {count} of {waveform.numel()} samples are not finite (NaN or infinite); repair the "
            "node that made this sound."
        )
    return [Audio(item.contiguous(), sample_rate) for item in waveform]


def audio_of(audio: Any, what: str = "audio") -> Audio:
    """The one sound of an AUDIO. Raises InputError for a batch of several: a video has one soundtrack."""
    sounds = audios_of(audio, what)
    if len(sounds) != 1:
        raise InputError(
            f"{what}: a batch of {len(sounds)} sounds arrived where a video has one soundtrack; send them "
            "one at a time."
        )
    return sounds[0]


def to_comfy(*sounds: Audio) -> dict[str, Any]:
    """An AUDIO: waveform [batch, channels, samples] on the CPU, and its rate in Hz; the sounds must be alike."""
    import torch

    waveform = torch.stack([sound.waveform.detach().cpu() for sound in sounds])
    return {"waveform": waveform, "sample_rate": sounds[0].sample_rate}


def silence_like(audio: Audio) -> Audio:
    """Digital silence with the length, rate and channels of `audio`."""
    import torch

    return Audio(torch.zeros_like(audio.waveform), audio.sample_rate)


def clip_of(video: Any, progress: Progress) -> Clip:
    """The clip a VIDEO shows, its trim window respected.

    One that is not a file yet, such as images joined by another node, is written to ComfyUI's temporary folder first.
    """
    from deepsound.media.clip import Clip

    if not hasattr(video, "get_stream_source"):
        raise InputError(f"video: no video arrived ({type(video).__name__}); connect a node that loads or makes one.")
    if video not in _CLIPS:
        start_s, duration_s = getattr(video, "get_active_trim_window", lambda: (0.0, 0.0))()
        _CLIPS[video] = Clip.open(_file_of(video, progress), start_s, duration_s or None)
    return _CLIPS[video]


def sight_of(video: Any, images: Any, fps: float, masked: bool, progress: Progress) -> VisualCondition:
    """What MMAudio is shown: a video's clip, an IMAGE batch at `fps`, one image as a still picture, or nothing.

    Raises InputError for several images without a rate.
    """
    from deepsound.generate.mmaudio.sight import VisualCondition
    from deepsound.media.sequence import ImageSequence, as_bytes

    if video is not None:
        return VisualCondition(clip_of(video, progress), masked=masked)
    if images is None:
        return VisualCondition()
    if len(images) == 1:
        return VisualCondition(still=as_bytes(images[0]).permute(2, 0, 1), masked=masked)
    if fps <= 0:
        raise InputError(f"images: {len(images)} images need their rate; set fps to that of the node they come from.")
    return VisualCondition(ImageSequence(images, fps), masked=masked)


def video_of(clip: Clip, progress: Progress) -> Any:
    """A VIDEO that shows the clip and nothing outside its window."""
    if clip.start_s == 0 and clip.duration_s == clip.info.duration_s:
        return InputImpl.VideoFromFile(str(clip.path))
    if hasattr(InputImpl.VideoFromFile, "get_active_trim_window"):
        return InputImpl.VideoFromFile(str(clip.path), start_time=clip.start_s, duration=clip.duration_s)
    return InputImpl.VideoFromFile(str(_cut_out(clip, progress)))


def _cut_out(clip: Clip, progress: Progress) -> Path:
    """The window as a file of its own, sound included: the oldest cores cannot trim a VIDEO."""
    from deepsound.media.mux import mux

    cut = comfy_host.temp_path(".mp4")
    mux(clip.path, clip.audio(progress), cut, start_s=clip.start_s, duration_s=clip.duration_s, progress=progress)
    return cut


def _parts_of(audio: Any, what: str) -> tuple[torch.Tensor, int]:
    import torch

    waveform = audio.get("waveform") if isinstance(audio, dict) else None
    if not isinstance(waveform, torch.Tensor):
        raise InputError(
            f"{what}: no sound arrived ({type(audio).__name__}); the video it comes from may have none. "
            "Connect a node that makes sound."
        )
    if waveform.ndim != 3 or 0 in waveform.shape[:2]:
        raise InputError(
            f"{what}: a sound must be [batch, channels, samples], not {list(waveform.shape)}; repair the "
            "node that made it."
        )
    if waveform.shape[2] == 0:
        raise InputError(f"{what}: the sound is empty (0 samples); check the length in the node that made it.")
    sample_rate = audio.get("sample_rate")
    if not isinstance(sample_rate, (int, float)) or not float(sample_rate).is_integer() or sample_rate <= 0:
        raise InputError(
            f"{what}: the sample rate must be a positive whole number of Hz, not {sample_rate!r}; repair "
            "the node that made this sound."
        )
    return _as_float(waveform.detach().cpu()), int(sample_rate)


def _as_float(waveform: torch.Tensor) -> torch.Tensor:
    import torch

    if waveform.is_floating_point():
        return waveform.to(torch.float32)
    if waveform.dtype == torch.uint8:
        return (waveform.to(torch.float32) - 128) / 128
    return (waveform.to(torch.float64) / -float(torch.iinfo(waveform.dtype).min)).to(torch.float32)


def _file_of(video: Any, progress: Progress) -> Path:
    if isinstance(video, InputImpl.VideoFromComponents):
        return _written(video.get_components(), progress)
    source = video.get_stream_source()
    if isinstance(source, (str, Path)):
        return Path(source)
    content = source.getvalue()
    path = comfy_host.temp_path(".video", hashlib.sha256(content).hexdigest()[:16])
    if not exists(path):
        from deepsound.media.files import atomic_write

        with atomic_write(path) as partial:
            partial.write_bytes(content)
    return path


def _written(components: Any, progress: Progress) -> Path:
    path = comfy_host.temp_path(".mp4")
    write_frames(components.images, components.frame_rate, path, progress)
    if components.audio is None:
        return path
    from deepsound.media.mux import mux

    sounding = comfy_host.temp_path(".mp4")
    mux(path, audio_of(components.audio, "the video's own sound"), sounding, progress=progress)
    path.unlink()
    return sounding
