"""Sustained textures: background beds, whooshes of fast motion, scrapes of friction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from deepsound.generate.draft.bed_table import BEDS, Bed
from deepsound.generate.draft.curves import MotionCurves, motion_curves
from deepsound.generate.draft.noise import BLOCK, Band, Curve, hills, noise_blocks, smooth_walk
from deepsound.generate.draft.prompt_parser import Palette
from deepsound.generate.draft.scene_gate import scene_gate
from deepsound.generate.draft.score import FoleyScore

_BED_FRAME = 1 << 14
_SWEEP_FRAME = 1 << 12
# Levels are in dB of RMS re full scale, before the track as a whole is brought to its loudness.
_ROOM_TONE_DB = -62.0
_NAMED_BED_DB = -33.0
_AIR_DB = -32.0
_GROUND_DB = -54.0
_SECOND_BED_DB = -4.0
# Faint hits too are to be heard over their background; a single one among much else does not push it away.
_UNDER_HITS_DB = -17.0
_LEAD_UNDER_HITS_DB = -4.0
_BED_RISE_DB = 6.0
_WHOOSH_DB = -34.0
_SCRAPE_DB = -33.0
# What moves slowly may as well be flying: unless the prompt speaks of scrapes, they are faint, long, and not near hits.
_UNNAMED_SCRAPE_DB = -9.0
_LEAST_SCRAPE_S = {True: 0.2, False: 1.2}
_WHOOSH_USUAL_SPEED = 1.8
_SWEEP_SHIFTS = 2.0 ** np.linspace(-1.5, 1.5, 13)
_CALL_S = 0.35
# Even things at the edge of the picture sound in both channels.
_PAN_WIDTH = 0.85


_WHOOSH_BANDS = (Band(620, 0.8, 0), Band(1700, 0.8, -6))
_SCRAPE_BANDS = (Band(1400, 0.6, 0), Band(3600, 0.7, -4), Band(500, 0.5, -8))


Layer = Iterator[np.ndarray]


def texture_layers(
    score: FoleyScore, palette: Palette, sample_rate: int, seed: int, replaced: frozenset[str] = frozenset()
) -> list[Layer]:
    """Endless layers of float32 [2, BLOCK] blocks, to be added up: the palette's beds, whooshes and scrapes.

    Beds in `replaced` are left out. No bed goes on across a hard cut: another stretch of it begins there.
    """
    return [layer for source in texture_sources(score, palette, sample_rate, seed, replaced) for layer in source]


def texture_sources(
    score: FoleyScore, palette: Palette, sample_rate: int, seed: int, replaced: frozenset[str] = frozenset()
) -> list[list[Layer]]:
    """`texture_layers` by random generator: layers of one group share theirs, different groups can be made at once."""
    curves = motion_curves(score, _LEAST_SCRAPE_S[palette.scrapes_named])
    sources = []
    for index, (name, level) in enumerate(_bed_levels(score, palette, curves)):
        if name in replaced:
            continue
        for part in range(2 if score.cuts_s else 1):
            rng = np.random.default_rng([seed, 1, index, part] if part else [seed, 1, index])
            made = _bed_layers(BEDS[name], level, curves, score.duration_s, sample_rate, rng)
            sources.append([_in_scenes(each, score, part, sample_rate) for each in made] if score.cuts_s else made)
    if palette.whooshes and curves.rush.values.any():
        sources.append([_whooshes(curves, sample_rate, np.random.default_rng([seed, 2]))])
    if palette.scrapes and curves.drag.values.any():
        sources.append([_scrapes(palette, curves, score.duration_s, sample_rate, np.random.default_rng([seed, 3]))])
    return sources


def recorded_bed_layers(
    beds: Iterable[Iterator[np.ndarray]], score: FoleyScore, palette: Palette, sample_rate: int, lead: bool = False
) -> list[Iterator[np.ndarray]]:
    """Recorded beds of unit power at the level of the synthesised ones, rising with the motion as these do.

    Beds that `lead` make way for hits only a little.
    """
    curves = motion_curves(score, _LEAST_SCRAPE_S[palette.scrapes_named])
    rise = _bed_rise(palette, curves, _LEAD_UNDER_HITS_DB if lead else _UNDER_HITS_DB)
    return [
        _apply_level(bed, Curve(_amplitude(_NAMED_BED_DB + index * _SECOND_BED_DB) * rise), sample_rate)
        for index, bed in enumerate(beds)
    ]


def _in_scenes(blocks: Iterator[np.ndarray], score: FoleyScore, part: int, sample_rate: int) -> Iterator[np.ndarray]:
    for times_s, block in zip(_block_times_s(sample_rate), blocks, strict=False):
        yield block * scene_gate(score.cuts_s, times_s, odd=bool(part))


def pan_gains(x: np.ndarray | float) -> np.ndarray:
    """Gains [2, ...] of left and right for a place from 0 (left) to 1 (right); their squares add up to 1."""
    angle = (0.5 + _PAN_WIDTH * (np.clip(x, 0, 1) - 0.5)) * np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def pan_mono(mono: np.ndarray, x: float) -> np.ndarray:
    """A mono sound [samples] placed at `x` in stereo, float32 [2, samples]."""
    return pan_gains(x)[:, None] * mono


def _bed_levels(score: FoleyScore, palette: Palette, curves: MotionCurves) -> list[tuple[str, Curve]]:
    """The beds with their levels over time: those named, else air for steady motion over a quiet room."""
    rise = _bed_rise(palette, curves)
    if palette.beds:
        return [
            (name, Curve(_amplitude(_NAMED_BED_DB + index * _SECOND_BED_DB) * rise))
            for index, name in enumerate(palette.beds)
        ]
    levels = [("room", Curve(np.full(2, _amplitude(_ROOM_TONE_DB))))]
    if palette.may_add_bed and curves.flow.values.any():
        levels.append(("air", Curve(_amplitude(_AIR_DB) * curves.flow.values * rise)))
    elif palette.may_add_bed and score.moves and not (palette.impacts and score.impacts):
        # Motion that neither hits nor flows is not left without a sound.
        levels.append(("air", Curve(_amplitude(_GROUND_DB) * rise)))
    return levels


def _bed_rise(palette: Palette, curves: MotionCurves, under_hits_db: float = _UNDER_HITS_DB) -> np.ndarray:
    """How much louder beds get with motion, and how much softer around hits."""
    ducked_db = under_hits_db * curves.busy.values if palette.impacts else 0.0
    return np.asarray(10 ** ((_BED_RISE_DB * curves.activity.values + ducked_db) / 20))


def is_audible(score: FoleyScore, palette: Palette) -> bool:
    """Whether the score has anything to hear but an empty room: hits, a bed that was named, or motion."""
    if (palette.impacts and score.impacts) or palette.beds:
        return True
    if not score.moves:
        return False
    curves = motion_curves(score, _LEAST_SCRAPE_S[palette.scrapes_named])
    sweeps = (palette.whooshes and curves.rush.values.any()) or (palette.scrapes and curves.drag.values.any())
    return palette.may_add_bed or bool(sweeps)


def _bed_layers(
    bed: Bed,
    level: Curve,
    curves: MotionCurves,
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> list[Iterator[np.ndarray]]:
    parts = [noise_blocks(_band_spectra(bed.bands, duration_s, sample_rate, rng), _BED_FRAME, sample_rate, rng)]
    if bed.crackles:
        power_at = _band_spectra(bed.crackles, duration_s, sample_rate, rng)
        parts.append(noise_blocks(power_at, _BED_FRAME, sample_rate, rng, 0.9, bed.crackles_per_s))
    if bed.hum_hz:
        parts.append(_hum(bed, curves.activity, duration_s, sample_rate, rng))
    if bed.calls_per_s:
        parts.append(_calls(bed, sample_rate, rng))
    return [_apply_level(part, level, sample_rate) for part in parts]


def _band_spectra(
    bands: tuple[Band, ...],
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Callable[[np.ndarray], np.ndarray]:
    """The power spectra over time of bands that come and go, each by itself."""
    spectra = hills(bands, _BED_FRAME, sample_rate)
    walks = [smooth_walk(duration_s, band.sway_s, rng) for band in bands]

    def power_at(times_s: np.ndarray) -> np.ndarray:
        gains_db = [band.gain_db + band.sway_db * walk.at(times_s) for band, walk in zip(bands, walks, strict=True)]
        return np.asarray((10 ** (np.array(gains_db) / 10)).T @ spectra)

    return power_at


def _apply_level(blocks: Iterator[np.ndarray], level: Curve, sample_rate: int) -> Iterator[np.ndarray]:
    for times_s, block in zip(_block_times_s(sample_rate), blocks, strict=False):
        yield block * level.at(times_s).astype(np.float32)


def _block_times_s(sample_rate: int) -> Iterator[np.ndarray]:
    for first in range(0, 1 << 62, BLOCK):
        yield np.arange(first, first + BLOCK) / sample_rate


def _hum(
    bed: Bed,
    activity: Curve,
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Partials of a frequency that wanders a little and rises with the motion; each partial beats by itself."""
    pitch, phase = smooth_walk(duration_s, 1.7, rng), 0.0
    beats = [smooth_walk(duration_s, rng.uniform(0.3, 0.9), rng) for _ in bed.hum_gains_db]
    for times_s in _block_times_s(sample_rate):
        turns_hz = bed.hum_hz * (1 + bed.hum_rise * activity.at(times_s) + 0.02 * pitch.at(times_s))
        turns = phase + np.cumsum(turns_hz) / sample_rate
        phase = turns[-1] % 1.0
        mono = np.zeros(BLOCK, np.float32)
        for number, (gain_db, beat) in enumerate(zip(bed.hum_gains_db, beats, strict=True), start=1):
            sine = np.sin((2 * np.pi * (number * turns % 1.0)).astype(np.float32))
            mono += np.float32(_amplitude(gain_db)) * (1 + 0.4 * beat.at(times_s)).astype(np.float32) * sine
        yield np.stack([mono, mono])


def _calls(bed: Bed, sample_rate: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Small animals far away: short trills that swell and fade, somewhere between left and right."""
    length = round(_CALL_S * sample_rate)
    pending = np.zeros((2, BLOCK + length), np.float32)
    while True:
        for _ in range(rng.poisson(bed.calls_per_s * BLOCK / sample_rate)):
            start = rng.integers(BLOCK)
            pending[:, start : start + length] += pan_mono(_trill(bed, length, sample_rate, rng), rng.uniform(0.1, 0.9))
        yield pending[:, :BLOCK].copy()
        pending = np.concatenate([pending[:, BLOCK:], np.zeros((2, BLOCK), np.float32)], axis=1)


def _trill(bed: Bed, length: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(length) / sample_rate
    beat = np.sin(2 * np.pi * rng.uniform(14, 30) * time_s)
    bend = rng.uniform(-0.15, 0.15) * time_s / _CALL_S + 0.03 * beat
    turns = np.cumsum(bed.call_hz * rng.uniform(0.85, 1.2) * (1 + bend)) / sample_rate
    swell = np.sin(np.pi * time_s / _CALL_S) ** 2 * (0.6 + 0.4 * beat)
    return _amplitude(bed.call_gain_db) * rng.uniform(0.3, 1) * swell * np.sin(2 * np.pi * turns)


def _whooshes(curves: MotionCurves, sample_rate: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Air pushed aside: the faster, the louder and higher, panned to where it moves."""
    gains = 10 ** (np.array([band.gain_db for band in _WHOOSH_BANDS]) / 10)
    spectra = np.stack([gains @ hills(_WHOOSH_BANDS, _SWEEP_FRAME, sample_rate, shift) for shift in _SWEEP_SHIFTS])

    def power_at(times_s: np.ndarray) -> np.ndarray:
        shift = np.maximum(curves.speed.at(times_s), 0.1) / _WHOOSH_USUAL_SPEED
        return np.asarray(spectra[np.searchsorted(_SWEEP_SHIFTS, shift).clip(0, len(_SWEEP_SHIFTS) - 1)])

    blocks = noise_blocks(power_at, _SWEEP_FRAME, sample_rate, rng, width=0.2)
    level = Curve(_amplitude(_WHOOSH_DB) * curves.rush.values)
    return _pan_blocks(_apply_level(blocks, level, sample_rate), curves.pan, sample_rate)


def _scrapes(
    palette: Palette,
    curves: MotionCurves,
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Iterator[np.ndarray]:
    """Rough friction, grainy and uneven, panned to where it moves."""
    power_at = _band_spectra(_SCRAPE_BANDS, duration_s, sample_rate, rng)
    blocks = noise_blocks(power_at, _BED_FRAME, sample_rate, rng, width=0.2, grains_per_s=3000)
    level = curves.drag.values * _amplitude(_SCRAPE_DB)
    if not palette.scrapes_named:
        level = level * _amplitude(_UNNAMED_SCRAPE_DB) * (1 - curves.busy.values)
    return _pan_blocks(_apply_level(blocks, Curve(level), sample_rate), curves.pan, sample_rate)


def _pan_blocks(blocks: Iterator[np.ndarray], pan: Curve, sample_rate: int) -> Iterator[np.ndarray]:
    for times_s, block in zip(_block_times_s(sample_rate), blocks, strict=False):
        # Both sides carry nearly the same noise, so turning them is turning the source. Silence has no place.
        yield block if not block.any() else block * pan_gains(pan.at(times_s)) * np.float32(math.sqrt(2))


def _amplitude(level_db: float) -> float:
    return float(10 ** (level_db / 20))
