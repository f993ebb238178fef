"""Independent onset detector of the tests: spectral flux with an adaptive threshold.

The flux is the summed rise over 11.6 ms of log-compressed magnitudes in 40 bands a fifth of an octave wide (after
Dixon, "Onset detection revisited", DAFx 2006). An onset is a peak of the flux that exceeds the median around it by a
share of the sound's largest peak; its time is where the level around that peak rises fastest.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter
from scipy.signal import stft

from deepsound.types import Audio

WINDOW, HOP = 1024, 128
BANDS, LOWEST_HZ, HIGHEST_HZ = 40, 60.0, 14000.0
COMPRESSION = 30.0
LAG = 4
THRESHOLD = 0.12
CLOSEST_S, AROUND_S = 0.07, 0.25


def onset_times(audio: Audio) -> np.ndarray:
    """The times, in seconds, at which something begins to sound."""
    rate = audio.sample_rate
    mono = audio.numpy().mean(axis=0)
    mono = mono / max(float(np.abs(mono).max()), 1e-9)
    hertz, times_s, spectrum = stft(mono, rate, nperseg=WINDOW, noverlap=WINDOW - HOP)
    bands = np.log1p(COMPRESSION * (_bands(hertz) @ np.abs(spectrum)))
    rise = np.zeros(bands.shape[1])
    rise[LAG:] = np.maximum(bands[:, LAG:] - bands[:, :-LAG], 0.0).sum(axis=0)
    frames_per_s = rate / HOP
    above = rise - median_filter(rise, 2 * round(AROUND_S * frames_per_s) + 1)
    peaks = (rise == maximum_filter1d(rise, 2 * round(CLOSEST_S * frames_per_s) + 1)) & (above > THRESHOLD * rise.max())
    return np.array([_steepest(mono, rate, times_s[frame]) for frame in np.flatnonzero(peaks)])


def matched(found_s: np.ndarray, known_s: tuple[float, ...], tolerance_s: float = 0.04) -> int:
    """How many known times have a found one of their own within the tolerance."""
    free = list(found_s)
    hits = 0
    for known in known_s:
        near = [time for time in free if abs(time - known) <= tolerance_s]
        if near:
            free.remove(min(near, key=lambda time: abs(time - known)))
            hits += 1
    return hits


def _bands(hertz: np.ndarray) -> np.ndarray:
    """Adjoining bands, evenly spaced in log frequency, float64 [bands, bins]."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    members = (hertz >= edges[:-1, None]) & (hertz < edges[1:, None])
    return members / np.maximum(members.sum(axis=1, keepdims=True), 1)


def _steepest(mono: np.ndarray, rate: int, time_s: float) -> float:
    """Where the level of 3 ms stretches rises fastest around `time_s`."""
    step = round(0.003 * rate)
    first = max(round((time_s - 0.03) * rate) // step, 0)
    stretch = mono[first * step : first * step + 20 * step]
    levels = np.sqrt((stretch[: len(stretch) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    return (first + 1 + int(np.argmax(np.diff(levels)))) * step / rate if len(levels) > 1 else time_s
