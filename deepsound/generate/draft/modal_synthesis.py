"""Modal synthesis of hits: damped partials after a burst of contact noise.

The tables give ratios of textbook bodies where there is one (free bar: 1, 2.76, 5.40, 8.93; ideal membrane: 1, 1.59,
2.14, 2.30, 2.65, 2.92; bell glass: about 1, 2.32, 4.25, 6.63); decays and levels were set by measuring and looking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deepsound.generate.draft.score import Impact
from deepsound.media.filters import Biquad, filtered, first_order_bandpass

_LEVEL_RANGE_DB = 20.0
_ATTACK_S = 0.0004
_LONGEST_S = 2.5
_USUAL_SIZE = 0.05
# A tenth of the usual size sounds about 1.8 times as high.
_PITCH_PER_SIZE = 0.25
_SECOND_MATERIAL_GAIN = 0.6
_STEP = 256


@dataclass(frozen=True)
class Material:
    """How a thing sounds when struck.

    Partials at `base_hz` times `ratios` with `gains_db`; the first falls by 60 dB in `ring_s` seconds, others faster
    by their ratio to the power of `damping`. Contact noise between `noise_hz` decays by 60 dB in `noise_s` at
    `noise_db` against the partials, split into `grains` bursts. `bubbles` rise in pitch after the hit, as in water.
    """

    base_hz: float
    ratios: tuple[float, ...]
    gains_db: tuple[float, ...]
    ring_s: float
    damping: float
    noise_hz: tuple[float, float]
    noise_s: float
    noise_db: float
    grains: int = 1
    bubbles: int = 0


MATERIALS = {
    "neutral": Material(170, (1, 1.83, 2.71, 4.4, 6.1), (0, -4, -7, -12, -17), 0.20, 0.7, (200, 6000), 0.05, -2),
    "wood": Material(310, (1, 2.76, 5.40, 8.93), (0, -5, -11, -18), 0.24, 0.7, (300, 7000), 0.03, -7),
    "metal": Material(
        520,
        (1, 1.41, 2.09, 2.76, 3.55, 4.77, 5.40, 6.9, 8.93),
        (-3, -6, 0, -2, -6, -7, -8, -12, -15),
        1.6,
        0.45,
        (1500, 14000),
        0.03,
        -9,
    ),
    "glass": Material(1350, (1, 2.32, 4.25, 6.63, 9.38), (0, -3, -8, -14, -20), 0.75, 0.5, (2500, 15000), 0.02, -8),
    "ceramic": Material(980, (1, 1.58, 2.61, 3.9, 5.6), (0, -2, -5, -10, -15), 0.22, 0.6, (1500, 12000), 0.02, -6),
    "stone": Material(640, (1, 1.52, 2.31, 3.2, 4.6), (0, -3, -5, -9, -12), 0.07, 0.5, (400, 9000), 0.04, 0),
    "gravel": Material(210, (1, 1.9), (0, -8), 0.05, 0.6, (700, 9000), 0.16, 10, grains=9),
    "plastic": Material(380, (1, 1.74, 2.62, 3.9, 5.3), (0, -3, -6, -10, -14), 0.10, 0.6, (500, 8000), 0.025, -4),
    "rubber": Material(105, (1, 2.1, 3.9, 8.2), (0, -8, -15, -22), 0.16, 0.4, (120, 2500), 0.03, -6),
    "water": Material(190, (1, 2.2), (-8, -14), 0.06, 0.6, (500, 9000), 0.30, 4, grains=5, bubbles=6),
    "drum": Material(
        92, (1, 1.59, 2.14, 2.30, 2.65, 2.92, 3.60), (0, -5, -8, -11, -13, -16, -20), 0.55, 0.6, (200, 6000), 0.05, -6
    ),
    "cloth": Material(95, (1, 2.3), (-6, -12), 0.07, 0.5, (150, 2200), 0.09, 4),
    "soft": Material(82, (1, 1.7, 2.9), (0, -6, -13), 0.13, 0.5, (100, 2800), 0.04, -3),
}


def hit_wave(impact: Impact, materials: tuple[str, ...], sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """One hit as mono float32 [samples] that begins with its onset; its peak is 0.5 for a `strength` of 1."""
    strength = min(max(impact.strength, 0.0), 1.0)
    waves = [_hit(MATERIALS[name], strength, impact.size, sample_rate, rng) for name in materials]
    mixed = np.zeros(max(map(len, waves)), np.float32)
    for index, wave in enumerate(waves):
        mixed[: len(wave)] += wave * _SECOND_MATERIAL_GAIN**index
    level = 0.5 * 10 ** (_LEVEL_RANGE_DB * (strength - 1) / 20)
    return mixed * np.float32(level / max(float(np.abs(mixed).max()), 1e-9))


def room_response(sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """A small room's answer to a hit, float32 [2, samples]: a few early echoes and a tail of a quarter second."""
    length = round(0.28 * sample_rate)
    time_s = np.arange(length) / sample_rate
    tail = rng.standard_normal((2, length)) * 10 ** (-3 * time_s / 0.25)
    # Nothing comes back before 7 ms, so that the hit itself stays as sharp as it was.
    tail *= np.clip((time_s - 0.007) / 0.03, 0, 1)
    response = filtered(tail, first_order_bandpass(200, 4500, sample_rate))
    response *= 0.10 / np.sqrt(np.square(response).sum(axis=1, keepdims=True))
    for delay_s in (0.0083, 0.0127, 0.0171, 0.0237, 0.0311):
        at = round(delay_s * sample_rate * rng.uniform(0.93, 1.07))
        response[:, at] += rng.uniform(0.3, 1.0, 2) * rng.choice((-1, 1), 2) * 0.055
    return response.astype(np.float32)


def _hit(material: Material, strength: float, size: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    pitch = (_USUAL_SIZE / max(size, 1e-4)) ** _PITCH_PER_SIZE
    pitch = min(max(pitch, 0.6), 1.7) * rng.uniform(0.985, 1.015)
    ringing = _partials(material, pitch, strength, rate, rng)
    contact = _contact_noise(material, strength, rate, rng)
    wave = np.zeros(max(len(ringing), len(contact)), np.float32)
    wave[: len(ringing)] = ringing / max(float(np.abs(ringing).max()), 1e-9)
    wave[: len(contact)] += contact * 10 ** (material.noise_db / 20) / max(float(np.abs(contact).max()), 1e-9)
    if material.bubbles:
        wave = _with_bubbles(wave, material.bubbles, pitch, rate, rng)
    return wave


def _partials(
    material: Material,
    pitch: float,
    strength: float,
    rate: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Damped sines; a weak hit excites the high ones less."""
    longest = round(min(material.ring_s * 1.15, _LONGEST_S) * rate)
    wave = np.zeros(longest + _STEP, np.float32)
    for ratio, gain_db in zip(material.ratios, material.gains_db, strict=True):
        frequency_hz = material.base_hz * pitch * ratio * rng.uniform(0.997, 1.003)
        if frequency_hz > 0.45 * rate:
            continue
        ring_s = material.ring_s / ratio**material.damping * rng.uniform(0.92, 1.08)
        level_db = gain_db + rng.uniform(-2, 2) - 9 * (1 - strength) * math.log2(ratio)
        sine = _damped_sine(frequency_hz, ring_s, min(longest, round(1.15 * ring_s * rate)), rate)
        wave[: len(sine)] += sine * np.float32(10 ** (level_db / 20))
    return wave


def _damped_sine(frequency_hz: float, ring_s: float, samples: int, rate: int) -> np.ndarray:
    """A sine that falls by 60 dB in `ring_s`, at least `samples` long, as powers of one complex number."""
    step = complex(-math.log(1000) / ring_s, 2 * math.pi * frequency_hz) / rate
    rows = -(-samples // _STEP)
    coarse = np.exp(step * _STEP * np.arange(rows)).astype(np.complex64)
    fine = np.exp(step * np.arange(_STEP)).astype(np.complex64)
    return np.outer(coarse, fine).imag.ravel()


def _contact_noise(material: Material, strength: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    low_hz, high_hz = material.noise_hz
    # A soft touch lasts longer and is duller.
    high_hz = max(high_hz * (0.5 + 0.5 * strength), 2 * low_hz)
    length = round(material.noise_s * 1.3 * rate)
    time_s = np.arange(length) / rate
    envelope = np.zeros(length)
    starts_s = [0.0, *np.sort(rng.uniform(0.1, 0.7, material.grains - 1) * material.noise_s)]
    for number, start_s in enumerate(starts_s):
        since_s = time_s - start_s
        burst_s = material.noise_s if material.grains == 1 else material.noise_s * rng.uniform(0.25, 0.6)
        gain = 1.0 if number == 0 else rng.uniform(0.15, 0.5)
        # Later grains come in softly: a hit is one event, not several.
        rise = np.clip(since_s / (_ATTACK_S if number == 0 else 0.012), 0, 1)
        envelope += gain * rise * np.exp(-math.log(1000) * np.maximum(since_s, 0) / burst_s)
    noise = filtered(rng.standard_normal(length + 64), _band(low_hz, high_hz, rate))[64:]
    return (noise * envelope).astype(np.float32)


def _band(low_hz: float, high_hz: float, rate: int) -> Biquad:
    return first_order_bandpass(low_hz, min(high_hz, 0.45 * rate), rate)


def _with_bubbles(wave: np.ndarray, count: int, pitch: float, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Bubbles closing after a splash: short sines that rise in pitch, each coming in softly."""
    out = np.zeros(round(0.45 * rate), np.float32)
    out[: len(wave)] = wave[: len(out)]
    for _ in range(count):
        start = round(rng.uniform(0.03, 0.28) * rate)
        time_s = np.arange(round(0.09 * rate)) / rate
        frequency_hz = rng.uniform(500, 1500) * pitch * (1 + 4 * time_s)
        envelope = np.minimum(time_s / 0.012, 1) * np.exp(-time_s / 0.018)
        bubble = rng.uniform(0.08, 0.25) * envelope * np.sin(2 * np.pi * np.cumsum(frequency_hz) / rate)
        out[start : start + len(bubble)] += bubble[: len(out) - start].astype(np.float32)
    return out
