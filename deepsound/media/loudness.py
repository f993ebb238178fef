"""How loud a sound is, as broadcasters measure it (ITU-R BS.1770), and bringing it to a target by gain alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from deepsound.errors import InputError
from deepsound.media.container import ThrottledProgress
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness

# BS.1770-4, annex 1: blocks of 400 ms, a new one every 100 ms; gates at -70 LUFS and 10 LU under the mean.
_BLOCK_S = 0.4
_HOPS_PER_S = 10
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
# Annex 2: at least four times oversampled at 48 kHz.
_OVERSAMPLING = 4
_PEAK_BLOCK = 1 << 16
_CHUNK_HOPS = 100
_WARM_UP_HOPS = 20


def measure(audio: Audio, progress: Progress | None = None) -> Loudness:
    """Integrated loudness in LUFS (None for silence or less than 0.4 s) and true peak in dBTP (None for zeros)."""
    pace = ThrottledProgress(progress or Progress())
    integrated = _integrated_lufs(_metered(audio.numpy()), audio.sample_rate, pace)
    return Loudness(integrated, true_peak_dbtp(audio, progress))


def normalise(
    audio: Audio,
    target_lufs: float,
    true_peak_ceiling_dbtp: float = -1.0,
    progress: Progress | None = None,
) -> Audio:
    """The sound at `target_lufs`, by gain alone, or as near as `true_peak_ceiling_dbtp` lets it come.

    A sound whose loudness cannot be measured (silent, or under 0.4 s) stays as it is. Raises InputError for a target
    or ceiling that is not a number.
    """
    if not (math.isfinite(target_lufs) and math.isfinite(true_peak_ceiling_dbtp)):
        raise InputError(f"Loudness target and ceiling must be finite, not {target_lufs} and {true_peak_ceiling_dbtp}.")
    level = measure(audio, progress)
    if level.integrated_lufs is None or level.true_peak_dbtp is None:
        return audio
    gain_db = min(target_lufs - level.integrated_lufs, true_peak_ceiling_dbtp - level.true_peak_dbtp)
    return Audio(audio.waveform * 10 ** (gain_db / 20), audio.sample_rate)


def _metered(samples: np.ndarray) -> np.ndarray:
    """At most the five channels BS.1770 weighs: no low-frequency one, further surrounds added left and right."""
    if samples.shape[0] <= 5:
        return samples
    fronts, surrounds = samples[:3], samples[4:]
    return np.concatenate([fronts, surrounds[0::2].sum(0, keepdims=True), surrounds[1::2].sum(0, keepdims=True)])


def _integrated_lufs(samples: np.ndarray, rate: int, pace: ThrottledProgress) -> float | None:
    if samples.shape[1] < _BLOCK_S * rate:
        return None
    blocks = np.concatenate(list(_block_lufs(samples, rate, pace)))
    loud = blocks[blocks >= _ABSOLUTE_GATE_LUFS]
    if not loud.size:
        return None
    gated = loud[loud > _mean_lufs(loud) + _RELATIVE_GATE_LU]
    return _mean_lufs(gated)


def _block_lufs(samples: np.ndarray, rate: int, pace: ThrottledProgress) -> Iterator[np.ndarray]:
    """Each block's loudness, ten seconds at a time, so that an hour needs no more memory and can be stopped."""
    import pyloudnorm

    meter = pyloudnorm.Meter(rate, block_size=_BLOCK_S)
    total = round((samples.shape[1] / rate - _BLOCK_S) * _HOPS_PER_S) + 1
    for first in range(0, total, _CHUNK_HOPS):
        pace.update(first / total)
        warm_up = min(first, _WARM_UP_HOPS)
        last = min(first + _CHUNK_HOPS, total)
        start = (first - warm_up) * rate // _HOPS_PER_S
        # The last chunk takes all that is left: its length decides how the meter rounds the number of blocks.
        end = None if last == total else (last - 1) * rate // _HOPS_PER_S + math.ceil(_BLOCK_S * rate)
        with np.errstate(divide="ignore"):
            meter.integrated_loudness(np.ascontiguousarray(samples[:, start:end].T))
        yield np.asarray(meter.blockwise_loudness)[warm_up:]


def _mean_lufs(lufs: np.ndarray) -> float:
    """The loudness of the mean power of blocks."""
    return float(10 * np.log10(np.mean(10 ** (lufs / 10))))


def true_peak_dbtp(audio: Audio, progress: Progress | None = None) -> float | None:
    """The true peak alone in dBTP, four times oversampled (BS.1770-4, annex 2); None for digital silence."""
    import soxr

    pace = ThrottledProgress(progress or Progress())
    samples = audio.numpy()
    rate = audio.sample_rate
    stream = soxr.ResampleStream(rate, rate * _OVERSAMPLING, audio.channels, dtype="float32", quality="HQ")
    # Not abs(), which would hold a second copy of a long sound.
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
    for start in range(0, audio.samples, _PEAK_BLOCK):
        pace.check()
        block = np.ascontiguousarray(samples[:, start : start + _PEAK_BLOCK].T)
        between = stream.resample_chunk(block, last=start + _PEAK_BLOCK >= audio.samples)
        peak = max(peak, float(np.abs(between).max(initial=0.0)))
    return 20 * math.log10(peak) if peak > 0 else None
