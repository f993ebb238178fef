"""Stereo noise with a time-varying spectrum, made by overlap-add of shaped frames.

Noise is made in overlapping frames, each with its own spectrum. The frames' windows add up to one in power, so the
level stays even however the colour moves, and nothing in it begins suddenly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

CURVE_RATE = 50
BLOCK = 1 << 16
_LEAST_HZ = 25.0


@dataclass(frozen=True, eq=False)
class Curve:
    """A value over time, CURVE_RATE numbers a second, joined by straight lines."""

    values: np.ndarray

    def at(self, times_s: np.ndarray) -> np.ndarray:
        """The values at `times_s`; before the beginning and after the end they stay as they are there."""
        position = np.clip(times_s * CURVE_RATE, 0, len(self.values) - 1)
        below = np.minimum(position.astype(np.int64), max(len(self.values) - 2, 0))
        above = np.minimum(below + 1, len(self.values) - 1)
        return self.values[below] + (self.values[above] - self.values[below]) * (position - below)


@dataclass(frozen=True)
class Band:
    """A hill of noise around `hz`, `octaves` wide (one standard deviation), `gain_db` high; it comes and goes by
    `sway_db` about every `sway_s` seconds."""

    hz: float
    octaves: float
    gain_db: float
    sway_db: float = 0.0
    sway_s: float = 3.0


def smooth_walk(duration_s: float, period_s: float, rng: np.random.Generator) -> Curve:
    """A curve that wanders smoothly between -1 and 1, taking about `period_s` seconds from one bend to the next."""
    bends = rng.uniform(-1, 1, math.ceil(duration_s / period_s) + 2)
    position = np.arange(math.ceil(duration_s * CURVE_RATE) + 2) / CURVE_RATE / period_s
    below = np.minimum(position.astype(np.int64), len(bends) - 2)
    share = (1 - np.cos(np.pi * (position - below))) / 2
    return Curve(bends[below] * (1 - share) + bends[below + 1] * share)


def hills(bands: tuple[Band, ...], frame: int, sample_rate: int, shift: float = 1.0) -> np.ndarray:
    """The power spectra of the bands at 0 dB, each with a mean square of 1 in a frame: [bands, frame // 2 + 1]."""
    frequency_hz = np.maximum(np.fft.rfftfreq(frame, 1 / sample_rate), 1e-3)
    centres_hz = np.array([band.hz for band in bands])[:, None] * shift
    widths = np.array([band.octaves for band in bands])[:, None]
    power = np.exp(-0.5 * (np.log2(frequency_hz / centres_hz) / widths) ** 2)
    power *= frequency_hz > _LEAST_HZ
    return power * (frame / 2) / np.maximum(power.sum(axis=1, keepdims=True), 1e-12)


def noise_blocks(
    power_at: Callable[[np.ndarray], np.ndarray],
    frame: int,
    sample_rate: int,
    rng: np.random.Generator,
    width: float = 0.7,
    grains_per_s: float | None = None,
) -> Iterator[np.ndarray]:
    """Blocks of float32 [2, BLOCK] one after the other, for ever.

    `power_at(times_s)` gives the power spectrum [times, frame // 2 + 1] of the frames around these times; `width`
    from 0 (mono) to 1 (two sides apart). With `grains_per_s` the noise is made of single crackles, not of a flow.
    """
    hop = frame // 2
    count = BLOCK // hop
    angle = width * math.pi / 4
    window = np.sin(np.pi * (np.arange(frame) + 0.5) / frame).astype(np.float32)

    def frames(first: int, how_many: int) -> np.ndarray:
        times_s = np.arange(first, first + how_many) * hop / sample_rate
        gains = np.sqrt(power_at(times_s)).astype(np.float32)
        spectrum = np.fft.rfft(_white((2, how_many, frame), sample_rate, rng, grains_per_s)) * gains
        # NumPy before 2.0 transforms in float64.
        mid, side = np.fft.irfft(spectrum).astype(np.float32, copy=False) * window
        mid, side = math.cos(angle) * mid, math.sin(angle) * side
        return np.stack([mid + side, mid - side])

    remainder = frames(0, 1)[:, 0, hop:]
    for first in range(1, 1 << 62, count):
        made = frames(first, count)
        block = made[..., :hop].copy()
        block[:, 0] += remainder
        block[:, 1:] += made[:, :-1, hop:]
        remainder = made[:, -1, hop:]
        yield block.reshape(2, BLOCK)


def _white(
    shape: tuple[int, ...],
    sample_rate: int,
    rng: np.random.Generator,
    grains_per_s: float | None,
) -> np.ndarray:
    """White noise of unit power, float32; of `grains_per_s` single samples a second where that is given."""
    white = rng.standard_normal(shape, dtype=np.float32)
    if grains_per_s is not None:
        share = grains_per_s / sample_rate
        white *= (rng.random(shape, dtype=np.float32) < share) / np.float32(math.sqrt(share))
    return white
