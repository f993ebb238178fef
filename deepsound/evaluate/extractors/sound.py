"""Audio preprocessing as in av-benchmark: mono, length, resampling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.evaluate.extractors.base import require_library
from deepsound.types import Audio

if TYPE_CHECKING:
    from torch import Tensor

# Beyond this, the table of torchaudio's filter has no room in memory: rates that have hardly a factor in common.
_LARGEST_TABLE = 1 << 23
# More than its filter reaches in any rate.
_MARGIN_S = 1.0


def mono(audio: Audio, sample_rate: int, duration_s: float, centred: bool = True) -> Tensor:
    """The mean of the channels [samples] at `sample_rate`, at most `duration_s` long; a shorter sound is not padded.

    `centred` takes the whole sound's mean off before anything is cut. Raises InputError for no samples, or some that
    are not finite.
    """
    waveform = require_usable(audio).mean(dim=0)
    if centred:
        waveform = waveform - waveform.mean()
    needed = math.ceil((duration_s + _MARGIN_S) * audio.sample_rate)
    resampled = resample_as_module(waveform[:needed], audio.sample_rate, sample_rate)
    return resampled[: int(sample_rate * duration_s)]


def require_usable(audio: Audio) -> Tensor:
    """The waveform [channels, samples] on the CPU. Raises InputError for no samples, or some that are not finite."""
    waveform = audio.waveform.detach().cpu()
    if not audio.samples:
        raise InputError("The sound has no samples; there is nothing to measure.")
    if not bool(waveform.isfinite().all()):
        raise InputError("The sound has samples that are not finite (NaN or infinite); repair it, or leave it out.")
    return waveform


def resample_as_module(waveform: Tensor, source: int, target: int) -> Tensor:
    """`waveform` [..., samples] by torchaudio's `Resample`, whose filter is computed in float64."""
    if source == target or not _has_room(source, target):
        return waveform if source == target else _by_soxr(waveform, source, target)
    with require_library("torchaudio"):
        from torchaudio.transforms import Resample
    result: Tensor = Resample(source, target)(waveform)
    return result


def resample_as_function(waveform: Tensor, source: int, target: int) -> Tensor:
    """`waveform` [..., samples] by torchaudio's `resample`, whose filter is computed in the waveform's own float32."""
    if source == target or not _has_room(source, target):
        return waveform if source == target else _by_soxr(waveform, source, target)
    with require_library("torchaudio"):
        from torchaudio.functional import resample
    result: Tensor = resample(waveform, source, target)
    return result


def _has_room(source: int, target: int) -> bool:
    common = math.gcd(source, target)
    return (source // common) * (target // common) <= _LARGEST_TABLE


def _by_soxr(waveform: Tensor, source: int, target: int) -> Tensor:
    from deepsound.media.audio import resample

    channels = waveform.reshape(-1, waveform.shape[-1])
    return resample(Audio(channels, source), target).waveform.reshape(*waveform.shape[:-1], -1)
