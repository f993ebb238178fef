"""Gain envelopes: ducking under spans of speech, fades, and mid-side stereo width."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from deepsound.types import Span

# How long the sound takes to go down before speech and to come back after it.
ATTACK_S = 0.15
RELEASE_S = 0.4


def ducking_gain(spans: Iterable[Span], samples: int, rate: int, ducking_db: float) -> np.ndarray:
    """Gain float32 [samples]: -`ducking_db` dB within `spans`, with linear ramps in dB before and after each."""
    depth = np.zeros(samples, np.float32)
    for span in spans:
        start, end = round(span.start_s * rate), round(span.end_s * rate)
        attack, release = round(ATTACK_S * rate), round(RELEASE_S * rate)
        first, last = max(0, start - attack), min(samples, end + release)
        places = np.arange(first, last)
        shape = np.minimum(1 - (start - places) / max(1, attack), 1 - (places - end) / max(1, release))
        depth[first:last] = np.maximum(depth[first:last], np.clip(shape, 0, 1))
    return (10 ** (-ducking_db * depth / 20)).astype(np.float32)


def apply_fades(samples: np.ndarray, rate: int, fade_in_s: float, fade_out_s: float) -> np.ndarray:
    """Samples [channels, n] that rise from and fall to silence along a quarter of a sine (equal power)."""
    faded = np.array(samples, np.float32)
    rise, fall = (min(round(seconds * rate), faded.shape[1]) for seconds in (fade_in_s, fade_out_s))
    if rise:
        faded[:, :rise] *= np.sin(np.linspace(0, np.pi / 2, rise, endpoint=False, dtype=np.float32))
    if fall:
        faded[:, -fall:] *= np.sin(np.linspace(0, np.pi / 2, fall, endpoint=False, dtype=np.float32))[::-1]
    return faded


def apply_width(samples: np.ndarray, width: float) -> np.ndarray:
    """Stereo samples [2, n] with the difference of the channels scaled by `width`; other layouts as they are."""
    if samples.shape[0] != 2 or width == 1.0:
        return samples
    middle, side = (samples[0] + samples[1]) / 2, (samples[0] - samples[1]) / 2 * np.float32(width)
    return np.stack([middle + side, middle - side])
