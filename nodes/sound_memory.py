"""Memory that a video's decoded sound takes as one AUDIO: noted or refused before decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress

from . import comfy_host
from .node_progress import duration

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

SILENT_RATE_HZ = 44_100
# 47 minutes of stereo at 48000 Hz.
NOTED_FROM_BYTES = 1 << 30
_SAMPLE_BYTES = 4


def check_sound_memory(clip: Clip, progress: Progress) -> None:
    """Note that a long sound takes gigabytes as one AUDIO, before anything of it is decoded.

    Raises InputError where that is more than the host has free.
    """
    second_bytes = _second_bytes(clip)
    needed = round(clip.duration_s * second_bytes)
    if needed < NOTED_FROM_BYTES:
        return
    takes = f"The sound of {duration(clip.duration_s)} takes {needed / 1e9:.1f} GB of memory as one AUDIO"
    free = comfy_host.free_memory_bytes()
    if free is not None and needed > free:
        raise InputError(
            f"{takes}, and {free / 1e9:.1f} GB are free; take a part by start and duration, at most "
            f"{duration(free / 2 / second_bytes)} at once, or set downmix to mono."
        )
    progress.note(f"{takes}, and nodes after this one make copies of it; start and duration take a part.")


def _second_bytes(clip: Clip) -> int:
    audio = clip.info.audio
    if audio is None:
        return _SAMPLE_BYTES * SILENT_RATE_HZ
    channels = {"mono": 1, "stereo": 2}.get(clip.downmix or "", audio.channels)
    return _SAMPLE_BYTES * channels * audio.sample_rate
