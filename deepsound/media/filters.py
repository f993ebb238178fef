"""Recursive filters and fast convolution on NumPy arrays.

`scipy.signal` has both; importing it, which loads `scipy.stats` too, takes a second of every start. The designs are the
bilinear transforms of Butterworth's filters and those of Bristow-Johnson's cookbook.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Samples that are filtered by one matrix product.
_BLOCK = 32
# A state that has fallen to less than this is below a double's last digit.
_FORGOTTEN = 1e-18


@dataclass(frozen=True)
class Biquad:
    """A second-order section: y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2]."""

    b0: float
    b1: float
    b2: float
    a1: float
    a2: float

    @classmethod
    def of(cls, b: Sequence[float], a: Sequence[float]) -> Biquad:
        """The section with the numerator `b` and the denominator `a`, three numbers each, scaled to a[0] = 1."""
        return cls(b[0] / a[0], b[1] / a[0], b[2] / a[0], a[1] / a[0], a[2] / a[0])


def first_order_highpass(hz: float, rate: float) -> Biquad:
    """Butterworth's high-pass of first order."""
    corner = math.tan(math.pi * hz / rate)
    return Biquad.of((1.0, -1.0, 0.0), (1.0 + corner, corner - 1.0, 0.0))


def first_order_bandpass(low_hz: float, high_hz: float, rate: float) -> Biquad:
    """Butterworth's band-pass of a low-pass of first order."""
    low, high = (math.tan(math.pi * hz / rate) for hz in (low_hz, high_hz))
    width, middle = high - low, low * high
    return Biquad.of((width, 0.0, -width), (1.0 + width + middle, 2.0 * (middle - 1.0), 1.0 - width + middle))


def lowpass(hz: float, rate: float, q: float = math.sqrt(0.5)) -> Biquad:
    """The cookbook's low-pass; with the default `q` Butterworth's of second order."""
    cosine, alpha = _cookbook(hz, rate, q)
    return Biquad.of(((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2), (1 + alpha, -2 * cosine, 1 - alpha))


def highpass(hz: float, rate: float, q: float = math.sqrt(0.5)) -> Biquad:
    """The cookbook's high-pass; with the default `q` Butterworth's of second order."""
    cosine, alpha = _cookbook(hz, rate, q)
    return Biquad.of(((1 + cosine) / 2, -1 - cosine, (1 + cosine) / 2), (1 + alpha, -2 * cosine, 1 - alpha))


def high_shelf(hz: float, rate: float, gain_db: float, q: float = math.sqrt(0.5)) -> Biquad:
    """The cookbook's high shelf."""
    cosine, alpha = _cookbook(hz, rate, q)
    gain = 10 ** (gain_db / 40)
    more, less, slope = gain + 1, gain - 1, 2 * math.sqrt(gain) * alpha
    return Biquad.of(
        (
            gain * (more + less * cosine + slope),
            -2 * gain * (less + more * cosine),
            gain * (more + less * cosine - slope),
        ),
        (more - less * cosine + slope, 2 * (less - more * cosine), more - less * cosine - slope),
    )


def _cookbook(hz: float, rate: float, q: float) -> tuple[float, float]:
    angle = 2 * math.pi * hz / rate
    return math.cos(angle), math.sin(angle) / (2 * q)


class RecursiveFilter:
    """A chain of biquads over successive stretches of `rows` signals, from silence on."""

    def __init__(self, sections: Sequence[Biquad], rows: int) -> None:
        self._form = _block_form(tuple(sections))
        self._state = np.zeros((rows, 2 * len(sections)))

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The next samples [rows, n] filtered, float64 [rows, n]."""
        form, count = self._form, samples.shape[1]
        whole = count - count % _BLOCK
        filtered = np.empty(samples.shape)
        if whole:
            blocks = samples[:, :whole].astype(np.float64).reshape(len(samples), -1, _BLOCK)
            ends = self._block_ends(blocks)
            begins = np.concatenate([self._state[:, None], ends[:, :-1]], axis=1)
            filtered[:, :whole] = (blocks @ form.response + begins @ form.ringing).reshape(len(samples), -1)
            self._state = ends[:, -1].copy()
        if rest := count - whole:
            last = samples[:, whole:].astype(np.float64)
            filtered[:, whole:] = last @ form.response[:rest, :rest] + self._state @ form.ringing[:, :rest]
            decay = np.linalg.matrix_power(form.step, rest)
            self._state = self._state @ decay + last @ form.gather[_BLOCK - rest :]
        return filtered

    def _block_ends(self, blocks: np.ndarray) -> np.ndarray:
        """The states [rows, blocks, order] after each block, by a scan that doubles its reach."""
        ends: np.ndarray = blocks @ self._form.gather
        decay, reach = np.linalg.matrix_power(self._form.step, _BLOCK), 1
        ends[:, 0] += self._state @ decay
        while reach < ends.shape[1] and np.abs(decay).max() > _FORGOTTEN:
            ends[:, reach:] += ends[:, :-reach] @ decay
            decay, reach = decay @ decay, 2 * reach
        return ends


def filtered(samples: np.ndarray, *sections: Biquad) -> np.ndarray:
    """Signals [rows, n], or one [n], through a chain of biquads, float64 of the same shape."""
    rows = np.atleast_2d(samples)
    return RecursiveFilter(sections, len(rows))(rows).reshape(samples.shape)


@dataclass(frozen=True, eq=False)
class _BlockForm:
    """A chain as matrices for row vectors: a block to its answer, a state to its ringing, a block to the next state.

    `step` [order, order] takes a state one sample on; `response` [block, block], `ringing` [order, block], `gather`
    [block, order].
    """

    step: np.ndarray
    response: np.ndarray
    ringing: np.ndarray
    gather: np.ndarray


@lru_cache(maxsize=32)
def _block_form(sections: tuple[Biquad, ...]) -> _BlockForm:
    order = 2 * len(sections)
    # What one sample does, for every state and the input as unit vectors.
    answers, states = _one_sample(sections, np.eye(order + 1)[:, :order], np.eye(order + 1)[:, order])
    step, entry = states[:order], states[order]
    ringing, gather = np.empty((order, _BLOCK)), np.empty((_BLOCK, order))
    rung, gathered = answers[:order], entry
    for sample in range(_BLOCK):
        ringing[:, sample], gather[_BLOCK - 1 - sample] = rung, gathered
        rung, gathered = step @ rung, gathered @ step
    impulse = np.concatenate([answers[order:], entry @ ringing[:, :-1]])
    lag = np.arange(_BLOCK) - np.arange(_BLOCK)[:, None]
    return _BlockForm(step, np.where(lag >= 0, impulse[np.abs(lag)], 0.0), ringing, gather)


def _one_sample(sections: Sequence[Biquad], states: np.ndarray, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Answers [n] and next states [n, order] to states [n, order] and one sample each [n] (transposed direct form)."""
    after = np.empty_like(states)
    for number, section in enumerate(sections):
        first, second = states[:, 2 * number], states[:, 2 * number + 1]
        made = section.b0 * signal + first
        after[:, 2 * number] = section.b1 * signal - section.a1 * made + second
        after[:, 2 * number + 1] = section.b2 * signal - section.a2 * made
        signal = made
    return signal, after


def convolve(signal: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The full convolution [..., n + m - 1] along the last axis of [..., n] and [..., m], through one transform."""
    length = signal.shape[-1] + response.shape[-1] - 1
    size = _fast_size(length)
    made = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)
    return np.asarray(made[..., :length])


def _fast_size(least: int) -> int:
    """The smallest product of 2, 3 and 5 that is at least `least`, an even one."""
    sizes = [2 * 3**threes * 5**fives for threes in range(20) for fives in range(14) if 3**threes * 5**fives < least]
    return min((size << max(math.ceil(math.log2(least / size)), 0) for size in sizes), default=2)
