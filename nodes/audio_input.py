"""Reads ComfyUI's AUDIO: any mapping of waveform and sample rate, lazy ones included."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deepsound.errors import InputError
from deepsound.types import Audio

from . import comfy_host
from .tensors import tensor_of

if TYPE_CHECKING:
    import torch

_HIGHEST_RATE_HZ = 1_000_000


def audios_of(audio: Any, what: str = "audio") -> list[Audio]:
    """The sounds of an AUDIO batch, float32 [channels, samples] each; integer samples are scaled to [-1, 1].

    Raises InputError for anything else, for an empty sound and for samples that are not finite.
    """
    waveform, sample_rate = _entry(audio, "waveform", what), _entry(audio, "sample_rate", what)
    samples = tensor_of(waveform)
    if samples is None:
        raise _no_sound(audio if waveform is None else waveform, what)
    if samples.ndim != 3 or 0 in samples.shape[:2]:
        raise InputError(
            f"{what}: expected a sound [batch, channels, samples], got {list(samples.shape)}; repair the "
            "node that made it."
        )
    if samples.shape[2] == 0:
        raise InputError(f"{what}: the sound is empty (0 samples); check the length in the node that made it.")
    rate = _rate_of(sample_rate, what)
    return [Audio(item.contiguous(), rate) for item in _finite(_as_float(samples, what), what)]


def audio_of(audio: Any, what: str = "audio") -> Audio:
    """The one sound of an AUDIO. Raises InputError for a batch of several: a video has one soundtrack."""
    sounds = audios_of(audio, what)
    if len(sounds) != 1:
        raise InputError(
            f"{what}: a batch of {len(sounds)} sounds arrived where a video has one soundtrack; send them "
            "one at a time."
        )
    return sounds[0]


def _entry(audio: Any, key: str, what: str) -> Any:
    """`audio[key]`, None where there is none; an AUDIO that decodes on access may fail here."""
    # A bare tensor or array warns when it is asked for a name.
    if not hasattr(audio, "__getitem__") or isinstance(audio, (str, bytes)) or hasattr(audio, "ndim"):
        raise _no_sound(audio, what)
    try:
        return audio[key]
    except Exception as error:
        if comfy_host.is_interruption(error):
            raise
        if isinstance(error, (TypeError, IndexError)) or (isinstance(error, KeyError) and error.args == (key,)):
            return None
        raise InputError(
            f"{what}: the sound could not be decoded ({_reason(error)}); the file it comes from may have no sound. "
            "Disconnect it or connect a node that makes sound."
        ) from error


def _no_sound(given: Any, what: str) -> InputError:
    """Why `given` is no AUDIO: nothing came, or what other packs use in its place, such as a tensor or a path."""
    names = _names_in(given)
    if given is None or "waveform" in names:
        return InputError(
            f"{what}: no sound arrived ({type(given).__name__}); the video it comes from may have none. "
            "Connect a node that makes sound."
        )
    found = f"{type(given).__name__} of {', '.join(names)}" if names else type(given).__name__
    return InputError(
        f"{what}: expected an AUDIO with waveform and sample_rate, got {found[:120]}; connect a node that gives "
        "ComfyUI's AUDIO."
    )


def _names_in(given: Any) -> list[str]:
    return [str(name) for name in given] if isinstance(given, Mapping) else []


def _reason(error: Exception) -> str:
    """An error's first line: FFmpeg's whole report can be part of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0].rstrip(".:") if lines else type(error).__name__)[:200]


def _rate_of(sample_rate: Any, what: str) -> int:
    """A rate in Hz from any kind of number: NumPy's, or a tensor of one element."""
    try:
        number = math.nan if isinstance(sample_rate, (str, bytes, bool)) else float(sample_rate)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if not number.is_integer() or not 0 < number <= _HIGHEST_RATE_HZ:
        raise InputError(
            f"{what}: expected a sample rate in whole Hz from 1 to {_HIGHEST_RATE_HZ}, got "
            f"{repr(sample_rate)[:80]}; repair the node that made this sound."
        )
    return int(number)


def _as_float(samples: torch.Tensor, what: str) -> torch.Tensor:
    import torch

    if samples.is_floating_point():
        return samples.to(torch.float32)
    if samples.dtype == torch.bool or samples.is_complex():
        raise InputError(
            f"{what}: expected samples that are real numbers, got {samples.dtype}; repair the node that made them."
        )
    info = torch.iinfo(samples.dtype)
    # Unsigned samples have their zero in the middle of the range.
    half = (info.max + 1) / 2 if info.min == 0 else -float(info.min)
    return ((samples.to(torch.float64) - (half if info.min == 0 else 0.0)) / half).to(torch.float32)


def _finite(samples: torch.Tensor, what: str) -> torch.Tensor:
    if not bool(samples.isfinite().all()):
        count = int((~samples.isfinite()).sum())
        raise InputError(
            f"{what}: {count} of {samples.numel()} samples are not finite (NaN or infinite); repair the "
            "node that made this sound."
        )
    return samples
