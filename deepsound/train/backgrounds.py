"""Procedural background sounds: scenes, engines, noise, chords, signals and animals.

Everything is mono float32 at 44100 Hz with an RMS of 0.1, made from a random generator alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from deepsound.generate.draft.bed_table import BEDS
from deepsound.generate.draft.modal_synthesis import MATERIALS, hit_wave, room_response
from deepsound.generate.draft.noise import smooth_walk
from deepsound.generate.draft.prompt_parser import Palette
from deepsound.generate.draft.score import FoleyScore, Impact
from deepsound.generate.draft.textures import texture_layers

SAMPLE_RATE = 44_100
Rng = np.random.Generator


@dataclass(frozen=True)
class Instrument:
    """How notes begin (`attack_s`), fall off and sound (`slope_db` per octave of partials)."""

    decay_per_s: float
    attack_s: float
    slope_db: float
    vibrato: float
    vibrato_hz: float


def background(duration_s: float, rng: Rng) -> np.ndarray:
    """One background of a kind drawn by weight, [duration_s * 44100]."""
    kinds, weights = zip(*KINDS, strict=True)
    kind: Callable[[float, Rng], np.ndarray] = kinds[rng.choice(len(kinds), p=np.array(weights) / sum(weights))]
    made = kind(duration_s, rng).astype(np.float32)
    return scale_to_rms(made, 0.1)


def scale_to_rms(samples: np.ndarray, rms: float) -> np.ndarray:
    """`samples` at that RMS; silence stays silence."""
    present = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return samples * np.float32(rms / present) if present > 1e-7 else samples


def scene(duration_s: float, rng: Rng) -> np.ndarray:
    """One or two beds with hits on top, as the draft generator makes them."""
    beds = tuple(rng.choice(list(BEDS), size=rng.integers(1, 3), replace=False))
    seed = int(rng.integers(1 << 32))
    layers = texture_layers(FoleyScore(duration_s), Palette(beds=beds), SAMPLE_RATE, seed)
    samples = _samples(duration_s)
    bed = np.zeros(samples, np.float32)
    for layer in layers:
        filled = 0
        while filled < samples:
            block = next(layer)[0, : samples - filled]
            bed[filled : filled + len(block)] += block
            filled += len(block)
    return scale_to_rms(bed, 0.1) + float(rng.choice((0.0, 0.5, 1.0, 2.0))) * hits(duration_s, rng)


def hits(duration_s: float, rng: Rng) -> np.ndarray:
    """Things struck at random or in step (walking, typing, hammering), with or without a room."""
    out = np.zeros(_samples(duration_s), np.float32)
    materials = tuple(rng.choice(list(MATERIALS), size=rng.integers(1, 3), replace=False))
    for time_s in _times(duration_s, rng):
        impact = Impact(time_s, rng.uniform(0.3, 1.0), size=10 ** rng.uniform(-2.5, -0.5))
        _add(out, hit_wave(impact, materials, SAMPLE_RATE, rng), time_s)
    if rng.random() < 0.6:
        out += signal.oaconvolve(out, room_response(SAMPLE_RATE, rng)[0])[: len(out)].astype(np.float32)
    return scale_to_rms(out, 0.1)


def noise(duration_s: float, rng: Rng) -> np.ndarray:
    """Noise of a random colour that comes and goes, slowly or in beats."""
    white = rng.standard_normal(_samples(duration_s)).astype(np.float32)
    out = apply_random_equaliser(white, rng, bumps=int(rng.integers(1, 5)), depth_db=rng.uniform(3, 18))
    if rng.random() < 0.6:
        out *= _swell(duration_s, rng.choice((0.08, 0.2, 0.6, 2.0)), rng.uniform(3, 20), rng)
    return out


def engine(duration_s: float, rng: Rng) -> np.ndarray:
    """A turning machine: many partials of a wandering frequency, beating, over noise."""
    base_hz = 10 ** rng.uniform(np.log10(25), np.log10(260))
    turns_hz = base_hz * (1 + rng.uniform(0.01, 0.4) * _curve(duration_s, rng.uniform(0.4, 4), rng))
    slope_db, partials = rng.uniform(-9, -2), int(rng.integers(6, 40))
    out = _harmonic(turns_hz, partials, slope_db, rng)
    out *= 1 + 0.5 * _curve(duration_s, rng.uniform(0.05, 0.5), rng)
    return scale_to_rms(out, 0.1) + rng.uniform(0.1, 1.0) * scale_to_rms(noise(duration_s, rng), 0.1)


def music(duration_s: float, rng: Rng) -> np.ndarray:
    """Chords, a bass and a tune of made-up instruments in a steady beat, with a drum at times."""
    out = np.zeros(_samples(duration_s), np.float32)
    beat_s, root_hz = rng.uniform(0.22, 0.7), 10 ** rng.uniform(np.log10(90), np.log10(280))
    scale = np.array(((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))[rng.integers(2)])
    pad, lead = _instrument(rng), _instrument(rng)
    sings, drums = rng.random() < 0.7, rng.random() < 0.5
    for beat, time_s in enumerate(np.arange(0, duration_s, beat_s)):
        if beat % 4 == 0:
            degree = int(rng.choice((0, 3, 4, 5)))
            for step in (degree, degree + 2, degree + 4, degree - 7):
                _add(out, _note(pad, root_hz * _ratio(scale, step), 4 * beat_s, rng), time_s)
        if sings and rng.random() < 0.8:
            _add(out, _note(lead, 2 * root_hz * _ratio(scale, int(rng.integers(-2, 9))), beat_s, rng), time_s)
        if drums and rng.random() < 0.7:
            material = str(rng.choice(("drum", "cloth", "metal", "soft")))
            _add(out, 0.5 * hit_wave(Impact(time_s, rng.uniform(0.5, 1)), (material,), SAMPLE_RATE, rng), time_s)
    return out


def signals(duration_s: float, rng: Rng) -> np.ndarray:
    """Beeps, sirens, whistles and sweeps: tones that jump or glide."""
    out = np.zeros(_samples(duration_s), np.float32)
    partials, slope_db = int(rng.integers(1, 6)), rng.uniform(-14, -4)
    low_hz, glide = 10 ** rng.uniform(2.3, 3.6), rng.choice((0.0, 0.0, 0.2, 0.8))
    length_s = 10 ** rng.uniform(-1.1, 0.4)
    for time_s in _times(duration_s, rng):
        time = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
        bend = glide * np.sin(2 * np.pi * time * rng.uniform(0.2, 3) / length_s + rng.uniform(0, 6.3))
        tone = _harmonic(low_hz * rng.choice((1, 1, 1.25, 1.5, 2)) * (1 + 0.5 * bend), partials, slope_db, rng)
        _add(out, tone * signal.windows.tukey(len(tone), 0.1).astype(np.float32), time_s)
    return out


def animals(duration_s: float, rng: Rng) -> np.ndarray:
    """Chirps, hoots, barks and buzzes: short harmonic or noisy calls that bend quickly."""
    out = np.zeros(_samples(duration_s), np.float32)
    centre_hz, partials = 10 ** rng.uniform(2.3, 3.8), int(rng.integers(1, 8))
    length_s, bend, roughness = 10 ** rng.uniform(-1.3, -0.2), rng.uniform(-0.6, 0.6), rng.uniform(0, 0.6)
    for time_s in _times(duration_s, rng):
        time = np.linspace(0, 1, max(round(length_s * rng.uniform(0.6, 1.4) * SAMPLE_RATE), 64))
        trill = 0.1 * np.sin(2 * np.pi * rng.uniform(3, 30) * time * length_s)
        hz = centre_hz * rng.uniform(0.8, 1.25) * (1 + bend * time + trill)
        call = _harmonic(hz, partials, -8, rng) + roughness * rng.standard_normal(len(time)) * 0.3
        _add(out, call * np.sin(np.pi * time) ** 2, time_s)
    return out + 0.02 * scale_to_rms(noise(duration_s, rng), 0.1)


KINDS = ((scene, 5.0), (noise, 2.5), (engine, 1.5), (music, 2.5), (hits, 1.5), (signals, 1.0), (animals, 1.0))


def apply_random_equaliser(samples: np.ndarray, rng: Rng, bumps: int, depth_db: float) -> np.ndarray:
    """`samples` through a random smooth equaliser: a tilt and `bumps` hills or valleys of up to `depth_db`."""
    size = fft.next_fast_len(len(samples), real=True)
    return np.asarray(fft.irfft(fft.rfft(samples, size) * equaliser(size, rng, bumps, depth_db), size)[: len(samples)])


def equaliser(size: int, rng: Rng, bumps: int, depth_db: float) -> np.ndarray:
    """Gains [size // 2 + 1] over frequency, float32: a tilt per octave and hills in octaves."""
    octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / SAMPLE_RATE), 20.0) / 1000.0)
    gains_db = rng.uniform(-0.4, 0.4) * depth_db * octaves / 2
    for _ in range(bumps):
        place, width = rng.uniform(-4, 4), rng.uniform(0.3, 1.5)
        gains_db += rng.uniform(-1, 1) * depth_db * np.exp(-0.5 * ((octaves - place) / width) ** 2)
    return (10 ** (np.clip(gains_db, -60, 30) / 20)).astype(np.float32)


def _samples(duration_s: float) -> int:
    return round(duration_s * SAMPLE_RATE)


def _add(out: np.ndarray, wave: np.ndarray, time_s: float) -> None:
    at = round(time_s * SAMPLE_RATE)
    wave = wave[: max(len(out) - at, 0)]
    out[at : at + len(wave)] += wave.astype(np.float32)


def _times(duration_s: float, rng: Rng) -> np.ndarray:
    """Times in seconds, at random or in step, from one in three seconds to eight a second."""
    per_s = 10 ** rng.uniform(-0.5, 0.9)
    if rng.random() < 0.5:
        return rng.uniform(0, duration_s, rng.poisson(per_s * duration_s))
    steps = np.arange(rng.uniform(0, 1 / per_s), duration_s, 1 / per_s)
    return np.abs(steps + rng.normal(0, 0.03 / per_s, len(steps)))


def _curve(duration_s: float, period_s: float, rng: Rng) -> np.ndarray:
    """A smooth walk between -1 and 1 at the sample rate, float32."""
    walk = smooth_walk(duration_s, period_s, rng)
    coarse = np.arange(0, _samples(duration_s), 64)
    values = walk.at(coarse / SAMPLE_RATE)
    return np.interp(np.arange(_samples(duration_s)), coarse, values).astype(np.float32)


def _swell(duration_s: float, period_s: float, depth_db: float, rng: Rng) -> np.ndarray:
    return np.asarray(10 ** (depth_db / 2 * _curve(duration_s, period_s, rng) / 20))


def _harmonic(hz: np.ndarray, partials: int, slope_db: float, rng: Rng) -> np.ndarray:
    """Partials 1 to `partials` of the frequency `hz` [samples] below 18 kHz, falling by `slope_db` per octave."""
    phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE
    out = np.zeros(len(hz), np.float32)
    highest = float(np.max(hz, initial=1.0))
    for number in range(1, partials + 1):
        if number * highest < 18_000:
            gain = 10 ** ((slope_db * np.log2(number) + rng.normal(0, 4)) / 20)
            out += (gain * np.sin((number * phase + rng.uniform(0, 6.3)) % (2 * np.pi))).astype(np.float32)
    return out


def _instrument(rng: Rng) -> Instrument:
    return Instrument(
        decay_per_s=10 ** rng.uniform(-0.7, 0.8),
        attack_s=rng.uniform(0.003, 0.15),
        slope_db=rng.uniform(-12, -3),
        vibrato=rng.choice((0.0, 0.0, 0.006)),
        vibrato_hz=rng.uniform(4, 7),
    )


def _note(instrument: Instrument, hz: float, length_s: float, rng: Rng) -> np.ndarray:
    time = np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE
    vibrato = instrument.vibrato * np.sin(2 * np.pi * instrument.vibrato_hz * time)
    envelope = np.exp(-time * instrument.decay_per_s) * np.minimum(time / instrument.attack_s, 1)
    fade = np.minimum((length_s - time) / 0.03, 1)
    return 0.2 * rng.uniform(0.5, 1) * envelope * fade * _harmonic(hz * (1 + vibrato), 12, instrument.slope_db, rng)


def _ratio(scale: np.ndarray, step: int) -> float:
    return float(2 ** ((scale[step % 7] + 12 * (step // 7)) / 12))
