"""Look-ahead true-peak limiter: also holds peaks between samples under a ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from deepsound.media.container import ThrottledProgress
from deepsound.runtime.sample_memory import BLOCK, release_pages, zeros

# Annex 2 of BS.1770 asks for at least four times. Meters differ by a decibel where a sound is bright: sharp filters
# ring near the highest frequencies, short ones add images of their own. So three kinds are asked; the largest holds.
_OVERSAMPLING = 4
_SHORT_TAPS = 10
_FFT_BLOCK, _FFT_OVERLAP = 1 << 14, 1 << 11
_BLOCK = 1 << 16
# Gain changes over this long before a peak and stays as long after it, so that it does not move within the waves of
# sounds down to 50 Hz; then it returns at this rate, about as fast as hits die away.
_LOOK_AHEAD_S = 0.005
_RELEASE_DB_PER_S = 300.0
# A gain that moves makes a little of its own between samples; meters differ by a few hundredths.
_MARGIN_DB = 0.15
_MOST_PASSES = 4


def limit(samples: np.ndarray, rate: int, ceiling_dbtp: float, pace: ThrottledProgress) -> np.ndarray:
    """Samples [channels, n] with no true peak above `ceiling_dbtp` dBTP; all channels get the same gain.

    A copy where the peaks are low enough. What a long sound needs beside the result is mapped memory too.
    """
    limited = amplified(samples, 1.0)
    ceiling = _ceiling(ceiling_dbtp)
    for _ in range(_MOST_PASSES):
        peaks = peak_envelope(limited, pace)
        if peaks.max(initial=0.0) <= ceiling:
            return limited
        amplify(limited, limiting_gains(peaks, rate, ceiling_dbtp))
    # Each pass leaves less over; the last hundredths are taken from the whole.
    over = peak_envelope(limited, pace).max(initial=0.0) / ceiling
    return amplified(limited, 1 / max(1.0, over))


def amplified(samples: np.ndarray, gain: float, gains: np.ndarray | None = None) -> np.ndarray:
    """A copy of samples [channels, n] times `gain`, and times `gains` [n] where there are some."""
    made = zeros(*samples.shape)
    for first in range(0, samples.shape[1], BLOCK):
        block = slice(first, first + BLOCK)
        by = np.float32(gain) if gains is None else np.float32(gain) * gains[block]
        made[:, block] = samples[:, block] * by
        release_pages()
    return made


def amplify(samples: np.ndarray, gains: np.ndarray) -> None:
    """Multiply samples [channels, n] by `gains` [n] in place."""
    for first in range(0, samples.shape[1], BLOCK):
        samples[:, first : first + BLOCK] *= gains[first : first + BLOCK]
        release_pages()


def peak_envelope(samples: np.ndarray, pace: ThrottledProgress) -> np.ndarray:
    """For each of samples [channels, n] the largest value (linear) of any channel at it or before the next one."""
    envelope, done = zeros(1, samples.shape[1])[0], 0
    for found in _peaks(samples, pace):
        envelope[done : done + len(found)] = found
        done += len(found)
        release_pages()
    return envelope


def limiting_gains(peaks: np.ndarray, rate: int, ceiling_dbtp: float, scale: float = 1.0) -> np.ndarray:
    """A smooth gain for each sample that is, around every peak, no more than what holds it under the ceiling.

    `peaks` are those of a sound that is to be `scale` times as loud.
    """
    reach = max(1, round(_LOOK_AHEAD_S * rate))
    released_db = _released_db(peaks, rate, reach, scale / _ceiling(ceiling_dbtp))
    window = np.hanning(2 * reach + 3)[1:-1]
    gains, count = zeros(1, len(peaks))[0], len(peaks)
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        around = released_db[max(first - reach, 0) : last + reach]
        beyond = (max(reach - first, 0), max(last + reach - count, 0))
        gains[first:last] = 10 ** (-_smooth(np.pad(around, beyond, mode="edge"), window / window.sum()) / 20)
        release_pages()
    return gains


def _released_db(peaks: np.ndarray, rate: int, reach: int, scale: float) -> np.ndarray:
    """By how much each sample is turned down before smoothing: held around a peak, then released."""
    from scipy.ndimage import maximum_filter1d

    released_db, count, before_db = zeros(1, len(peaks))[0], len(peaks), 0.0
    slope = _RELEASE_DB_PER_S / rate
    for first in range(0, count, BLOCK):
        last, margin = min(first + BLOCK, count), min(reach, first)
        around = np.maximum(peaks[first - margin : last + reach].astype(np.float64), 1e-9) * scale
        needed_db = np.maximum(0.0, 20 * np.log10(around))
        held_db = maximum_filter1d(needed_db, 2 * reach + 1, mode="constant")[margin : margin + last - first]
        # Linear release in decibels, as a running maximum: reduction[n] = max over m of held[m] - (n - m) * slope.
        fallen = slope * np.arange(1, last - first + 1)
        made = np.maximum(np.maximum.accumulate(held_db + fallen), before_db) - fallen
        released_db[first:last] = np.maximum(0.0, made)
        before_db = max(0.0, float(made[-1]))
        release_pages()
    return released_db


def _ceiling(ceiling_dbtp: float) -> float:
    return float(10 ** ((ceiling_dbtp - _MARGIN_DB) / 20))


def _peaks(samples: np.ndarray, pace: ThrottledProgress) -> Iterator[np.ndarray]:
    """The peak envelope in blocks."""
    import soxr

    channels, count = samples.shape
    stream = soxr.ResampleStream(1.0, _OVERSAMPLING, channels, dtype="float32", quality="VHQ")
    waiting = np.zeros(0, np.float32)
    done = 0
    for start in range(0, count, _BLOCK):
        pace.check()
        last = start + _BLOCK >= count
        between = stream.resample_chunk(np.ascontiguousarray(samples[:, start : start + _BLOCK].T), last=last)
        waiting = np.concatenate([waiting, np.abs(between).max(axis=1, initial=0.0)])
        ready = count - done if last else len(waiting) // _OVERSAMPLING
        sharp = np.pad(waiting, (0, max(0, ready * _OVERSAMPLING - len(waiting))))[: ready * _OVERSAMPLING]
        waiting = waiting[ready * _OVERSAMPLING :]
        found = sharp.reshape(ready, _OVERSAMPLING).max(axis=1)
        for other in (_short_peaks(samples, done, ready), _ideal_peaks(samples, done, ready)):
            found = np.maximum(found, other)
        yield found
        done += ready


def _around(samples: np.ndarray, start: int, count: int, margin: int) -> np.ndarray:
    """`count` samples from `start` on with `margin` more on both sides, zeros where there are none."""
    before, end = min(margin, start), start + count + margin
    return np.pad(samples[:, start - before : end], ((0, 0), (margin - before, max(0, end - samples.shape[1]))))


def _ideal_peaks(samples: np.ndarray, start: int, count: int) -> np.ndarray:
    """The same for `count` samples from `start` on, by Fourier interpolation, which keeps the whole band."""
    step = _FFT_BLOCK - 2 * _FFT_OVERLAP
    ramp = np.hanning(_FFT_OVERLAP)[: _FFT_OVERLAP // 2]
    fade = np.concatenate([ramp, np.ones(_FFT_BLOCK - 2 * len(ramp)), ramp[::-1]])
    found = np.zeros(count, np.float32)
    for place in range(0, count, step):
        block = _around(samples, start + place, step, _FFT_OVERLAP) * fade
        spectrum = np.fft.rfft(block)
        between = np.fft.irfft(spectrum * _OVERSAMPLING, _FFT_BLOCK * _OVERSAMPLING)
        inside = np.abs(between[:, _FFT_OVERLAP * _OVERSAMPLING :][:, : step * _OVERSAMPLING]).max(axis=0)
        found[place : place + step] = inside.reshape(step, _OVERSAMPLING).max(axis=1)[: count - place]
    return found


def _short_peaks(samples: np.ndarray, start: int, count: int) -> np.ndarray:
    """The same for `count` samples from `start` on, by a short filter."""
    padded = _around(samples, start, count, _SHORT_TAPS)
    found = np.abs(padded[:, _SHORT_TAPS : _SHORT_TAPS + count]).max(axis=0, initial=0.0)
    for taps in _short_filters():
        for channel in padded:
            between = np.convolve(channel, taps, mode="valid")[1 : count + 1]
            found = np.maximum(found, np.abs(between))
    return found.astype(np.float32)


@lru_cache(maxsize=1)
def _short_filters() -> tuple[np.ndarray, ...]:
    """The polyphase parts of a Kaiser-windowed low-pass, which give the values between two samples."""
    from scipy.signal import firwin

    taps = firwin(2 * _SHORT_TAPS * _OVERSAMPLING + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0)) * _OVERSAMPLING
    return tuple(taps[step::_OVERSAMPLING].astype(np.float32) for step in range(1, _OVERSAMPLING))


def _smooth(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    from scipy.signal import oaconvolve

    return np.asarray(oaconvolve(values, window, mode="valid"))
