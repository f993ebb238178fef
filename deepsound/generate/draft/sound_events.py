"""Recorded hits and events of the draft: when they sound, and each as it sounds there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from deepsound.generate.draft.recordings import SAMPLE_RATE, Layer, Recording, load_take
from deepsound.generate.draft.score import FoleyScore
from deepsound.generate.draft.textures import pan_gains
from deepsound.media.filters import convolve, filtered, highpass, lowpass

_HIT_PEAK, _EVENT_PEAK = 0.5, 0.32
_LEVEL_RANGE_DB = 14.0
# Neighbours differ by at least one of these steps of pitch, so that no two hits in a row are equal.
_PITCHES = 2.0 ** (np.array([-1.6, -0.8, 0.0, 0.8, 1.6]) / 12)
_EARLIEST_S, _FIRST_SHARE = 0.6, 0.15
_FADE_S = 0.012
_LOOP_FADE_S = 0.02
_LOWEST_HZ = 40.0
_DISTANT_HZ, _DISTANT_DB, _DISTANT_TAIL_S = 1800.0, -8.0, 1.1


@dataclass(frozen=True)
class Occurrence:
    """One sounding of a recording: when, how hard (0 to 1), and where from 0 (left) to 1 (right)."""

    time_s: float
    strength: float
    x: float


@dataclass(frozen=True)
class Placed:
    """A stretch of sound float32 [2, samples] that begins at sample `at`."""

    at: int
    wave: np.ndarray


def occurrences(recording: Recording, is_hit: bool, score: FoleyScore, rng: np.random.Generator) -> list[Occurrence]:
    """When a recording sounds: a hit on every impact that is seen, else again and again from the beginning on."""
    if is_hit and score.impacts:
        return [Occurrence(impact.time_s, impact.strength, impact.x) for impact in score.impacts]
    found = []
    time_s = min(_EARLIEST_S, _FIRST_SHARE * score.duration_s) * rng.uniform(0.6, 1.0)
    steady = 0.04 if is_hit or recording.lasts_s else 0.3
    steady = steady if recording.uneven is None else recording.uneven
    while time_s < score.duration_s:
        found.append(Occurrence(time_s, rng.uniform(0.75, 1.0), _place(score, time_s, rng)))
        time_s += recording.every_s * rng.uniform(1 - steady, 1 + steady)
    return found


def _place(score: FoleyScore, time_s: float, rng: np.random.Generator) -> float:
    """Where something moves at that time; without motion, somewhere near the middle."""
    near = min(score.movements, key=lambda movement: abs(movement.time_s - time_s), default=None)
    if near is not None and near.energy > 0 and np.isfinite(near.x):
        return float(np.clip(near.x, 0, 1))
    return float(rng.uniform(0.35, 0.65))


def placed_waves(
    recording: Recording,
    takes: Sequence[np.ndarray],
    times: Sequence[Occurrence],
    distant: bool,
    rng: np.random.Generator,
) -> Iterator[Placed]:
    """Each occurrence as it sounds, none equal to the one before it."""
    before = -1
    is_hit = recording.role_of(int(np.median([take.shape[1] for take in takes]))) == "hit"
    for occurrence in times:
        pitch = int(rng.choice([number for number in range(len(_PITCHES)) if number != before]))
        before = pitch
        speed = recording.speed * float(_PITCHES[pitch]) ** recording.vary * rng.uniform(0.99, 1.01)
        wave = _mixed(recording, takes, speed, rng)
        level_db = recording.gain_db + _LEVEL_RANGE_DB * (occurrence.strength - 1)
        wave = wave * np.float32((_HIT_PEAK if is_hit else _EVENT_PEAK) * 10 ** (level_db / 20))
        if distant:
            wave = far_away(wave, rng)
        yield Placed(round(occurrence.time_s * SAMPLE_RATE), _panned(wave, occurrence.x, recording.passes_by))


def _mixed(recording: Recording, takes: Sequence[np.ndarray], speed: float, rng: np.random.Generator) -> np.ndarray:
    """One occurrence of the recording, its layers mixed to a peak of 1."""
    drawn = int(rng.integers(len(takes)))
    parts = [
        (round(layer.after_s * SAMPLE_RATE), _layer(layer, recording, _take(layer, takes, drawn), speed))
        for layer in recording.layers
    ]
    mixed = np.zeros((2, max(at + wave.shape[1] for at, wave in parts)), np.float32)
    for at, wave in parts:
        mixed[:, at : at + wave.shape[1]] += wave
    return mixed / np.float32(max(float(np.abs(mixed).max()), 1e-9))


def _take(layer: Layer, takes: Sequence[np.ndarray], drawn: int) -> np.ndarray:
    return takes[drawn if layer.take is None else layer.take % len(takes)]


def _layer(layer: Layer, recording: Recording, take: np.ndarray, speed: float) -> np.ndarray:
    wave = _played_at(_lasting(take, recording), speed * 2 ** (layer.semitones / 12), layer.bend)
    if layer.keeps_s:
        wave = _faded(wave[:, : max(round(layer.keeps_s * SAMPLE_RATE), 1)])
    if layer.above_hz:
        wave = filtered(wave, highpass(layer.above_hz, SAMPLE_RATE)).astype(np.float32)
    if layer.rise_s:
        rise = min(round(layer.rise_s * SAMPLE_RATE), wave.shape[1])
        wave[:, :rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32))
    return wave * np.float32(10 ** (layer.gain_db / 20))


def _lasting(wave: np.ndarray, recording: Recording) -> np.ndarray:
    """The sound with its loop repeated until it lasts as long as it is to."""
    samples = round(recording.lasts_s * SAMPLE_RATE)
    if samples <= wave.shape[1]:
        return wave
    begin, end = (round(time * SAMPLE_RATE) for time in recording.loop_s or (0.0, wave.shape[1] / SAMPLE_RATE))
    loop = wave[:, begin : min(end, wave.shape[1])]
    fade = min(round(_LOOP_FADE_S * SAMPLE_RATE), loop.shape[1] // 4)
    if loop.shape[1] - fade < 1:
        return wave
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    seam = loop.copy()
    seam[:, :fade] = loop[:, :fade] * rise + loop[:, loop.shape[1] - fade :] * (1 - rise)
    body = seam[:, : loop.shape[1] - fade]
    head = wave[:, : begin + loop.shape[1] - fade]
    repeats = -(-(samples - head.shape[1]) // body.shape[1])
    return np.concatenate([head, np.tile(body, max(repeats, 0))], axis=1)[:, :samples]


def _played_at(wave: np.ndarray, speed: float, bend: float = 0.0) -> np.ndarray:
    """The sound `speed` times as fast, and as much higher, with its end faded out.

    The pitch rises by `bend` semitones from beginning to end.
    """
    if bend:
        steps = speed * 2.0 ** (bend / 12 * np.linspace(0, 1, max(int(wave.shape[1] / speed), 2)))
        positions = np.concatenate([[0.0], np.cumsum(steps)])
        positions = positions[positions < wave.shape[1] - 1]
    else:
        positions = np.arange(max(int((wave.shape[1] - 1) / speed), 1)) * speed
    below = positions.astype(np.int64)
    share = (positions - below).astype(np.float32)
    after = np.minimum(below + 1, wave.shape[1] - 1)
    return _faded(wave[:, below] * (1 - share) + wave[:, after] * share)


def _faded(wave: np.ndarray) -> np.ndarray:
    """A copy of the sound that fades out at its end."""
    played = wave.astype(np.float32)
    length = played.shape[1]
    fade = min(round(_FADE_S * SAMPLE_RATE), length // 2)
    if fade:
        played[:, length - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return played


def far_away(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sound from afar: duller, quieter, and answered by a wide space."""
    dulling = lowpass(_DISTANT_HZ, SAMPLE_RATE)
    dull = filtered(wave, dulling)
    length = round(_DISTANT_TAIL_S * SAMPLE_RATE)
    decay = 10 ** (-3 * np.arange(length) / length)
    tail = filtered(rng.standard_normal((2, length)) * decay, dulling)
    tail *= 0.9 / np.sqrt(np.square(tail).sum(axis=1, keepdims=True))
    wet = convolve(dull, tail)
    wet[:, : dull.shape[1]] += dull
    return np.asarray(wet * 10 ** (_DISTANT_DB / 20), np.float32)


def _panned(wave: np.ndarray, x: float, passes_by: bool) -> np.ndarray:
    """Stereo as it is, turned to where it is seen; what passes by goes from one side to the other."""
    where = np.linspace(0.05, 0.95, wave.shape[1]) if passes_by else np.full(1, x)
    if passes_by and x > 0.5:
        where = where[::-1]
    return np.asarray(wave * pan_gains(where) * np.float32(np.sqrt(2)), np.float32)


def usable_takes(recording: Recording) -> list[np.ndarray]:
    """The takes that can be read, without what lies below hearing, at a peak of 1; an empty list when none can."""
    return [take for take in map(_audible_take, recording.paths) if take is not None]


@lru_cache(maxsize=64)
def _audible_take(path: Path) -> np.ndarray | None:
    take = load_take(path)
    if take is None:
        return None
    below = highpass(_LOWEST_HZ, SAMPLE_RATE)
    heard = filtered(take, below, below).astype(np.float32)
    return heard / max(float(np.abs(heard).max()), 1e-9)
