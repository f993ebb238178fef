"""Onset strength and onset detection, with librosa 0.11's defaults.

AV-Align (arXiv 2309.16429; used by Seeing and Hearing, arXiv 2402.17723) takes a sound's onsets from there. The
constants are the library's: 22050 Hz, 2048-sample Hann windows every 512 samples, 128 Slaney mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 22_050
N_FFT = 2048
HOP = 512
N_MELS = 128
POWER_FLOOR = 1e-10
DYNAMIC_RANGE_DB = 80.0
FRAMES_BEFORE_LAG = 1 + N_FFT // (2 * HOP)


@dataclass(frozen=True)
class PeakPicking:
    """The detector's windows in frames, and how far above the local mean a peak of the 0 to 1 envelope must rise."""

    max_before: int = 1
    max_after: int = 1
    mean_before: int = 4
    mean_after: int = 5
    wait: int = 1
    delta: float = 0.07


def onset_times_s(audio: Audio, picking: PeakPicking = PeakPicking()) -> np.ndarray:
    """Times of the onsets of `audio` in seconds, float64 [n]; none where its envelope never rises."""
    return onset_frames(onset_strength(load_mono(audio)), picking) * (HOP / SAMPLE_RATE)


def load_mono(audio: Audio) -> np.ndarray:
    """The mean of the channels, resampled to 22050 Hz (soxr, high quality), float32 [samples]."""
    import numpy as np
    import soxr

    mono = audio.numpy().mean(axis=0, dtype=np.float32)
    return mono if audio.sample_rate == SAMPLE_RATE else soxr.resample(mono, audio.sample_rate, SAMPLE_RATE, "HQ")


def onset_strength(mono: np.ndarray) -> np.ndarray:
    """Mean over the mel bands of what each rose since the frame before, in dB, float64 [1 + samples // 512]."""
    import numpy as np

    levels = mel_db(mono)
    rise = np.maximum(levels[:, 1:] - levels[:, :-1], 0.0).mean(axis=0)
    return np.concatenate([np.zeros(FRAMES_BEFORE_LAG), rise])[: levels.shape[1]]


def mel_db(mono: np.ndarray) -> np.ndarray:
    """Mel power spectrogram of 22050 Hz samples in dB, float64 [128, frames], at most 80 dB under its maximum."""
    import numpy as np

    power = mel_power(mono)
    levels = 10.0 * np.log10(np.maximum(power, POWER_FLOOR))
    return np.maximum(levels, levels.max() - DYNAMIC_RANGE_DB)


def mel_power(mono: np.ndarray) -> np.ndarray:
    """Mel power spectrogram, float64 [128, 1 + samples // 512]; windows are centred, zeros beyond the ends."""
    import numpy as np

    padded = np.pad(np.asarray(mono, np.float64), N_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    basis, window = _basis()
    blocks = [basis @ _power(frames[first : first + 1024] * window) for first in range(0, len(frames), 1024)]
    return np.concatenate(blocks, axis=1)


def onset_frames(envelope: np.ndarray, picking: PeakPicking = PeakPicking()) -> np.ndarray:
    """Frames at which the envelope, scaled to 0..1, has a peak that clears the local mean, int64 [n]."""
    import numpy as np

    if not envelope.any():
        return np.zeros(0, np.int64)
    scaled = envelope - envelope.min()
    scaled = scaled / (scaled.max() + np.finfo(np.float32).tiny)
    found: list[int] = []
    for frame, value in enumerate(scaled):
        if found and frame - found[-1] <= picking.wait:
            continue
        nearby = scaled[max(0, frame - picking.max_before) : frame + picking.max_after]
        around = scaled[max(0, frame - picking.mean_before) : frame + picking.mean_after]
        if value == nearby.max() and value >= around.mean() + picking.delta:
            found.append(frame)
    return np.array(found, np.int64)


def _power(frames: np.ndarray) -> np.ndarray:
    """Power spectra [bins, frames] of windowed frames [frames, n_fft]."""
    import numpy as np

    return np.square(np.abs(np.fft.rfft(frames, axis=1))).T


@cache
def _basis() -> tuple[np.ndarray, np.ndarray]:
    """The Slaney mel triangles [128, bins] and the periodic Hann window [2048]."""
    import numpy as np

    from deepsound.models.mel import MelConfig, mel_basis

    config = MelConfig(SAMPLE_RATE, N_FFT, HOP, N_MELS, f_max=SAMPLE_RATE / 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    return mel_basis(config).double().numpy(), window
