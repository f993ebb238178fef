"""Impacts, strokes and swings that the prompt names, over a picture in which nothing moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from deepsound.generate.draft.motion import Movement
from deepsound.generate.draft.prompt_parser import NEUTRAL_MATERIAL, Palette
from deepsound.generate.draft.score import FoleyScore, Impact

_INTERVAL_S = 1 / 30
_AREA = 0.04
# Seconds from one to the next, give or take a quarter: hits; strokes of a saw or a file; swings of a whip.
_HITS_EVERY_S, _STROKES_EVERY_S, _SWINGS_EVERY_S = 1.0, 1.3, 1.6
_STROKE_S, _SWING_S = 0.9, 0.4
# In long sides per second: what scrapes moves slowly, what swings fast.
_STROKE_SPEED, _SWING_SPEED = 0.4, 3.0


def with_prompted_motion(score: FoleyScore, palette: Palette, is_sounding: bool, seed: int) -> FoleyScore:
    """The score with the events that the prompt names, where nothing moves and nothing else would sound.

    `is_sounding` says whether recordings are chosen. Whatever moves in the picture leaves the score as it is.
    """
    if score.moves or is_sounding or palette.beds:
        return score
    rng = np.random.default_rng([seed % (1 << 64), 8])
    if palette.scrapes and palette.scrapes_named:
        return _moving(score, _STROKES_EVERY_S, _STROKE_S, _STROKE_SPEED, rng)
    if palette.whooshes and palette.whooshes_named:
        return _moving(score, _SWINGS_EVERY_S, _SWING_S, _SWING_SPEED, rng)
    if palette.impacts and (palette.impacts_named or palette.materials != (NEUTRAL_MATERIAL,)):
        times_s = _times_s(score.duration_s, _HITS_EVERY_S, rng)
        hits = (Impact(time_s, rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.6)) for time_s in times_s)
        return replace(score, impacts=tuple(hits))
    return score


def _times_s(duration_s: float, every_s: float, rng: np.random.Generator) -> Iterator[float]:
    time_s = min(0.5, 0.15 * duration_s)
    while time_s < duration_s:
        yield time_s
        time_s += every_s * rng.uniform(0.75, 1.25)


def _moving(score: FoleyScore, every_s: float, lasts_s: float, speed: float, rng: np.random.Generator) -> FoleyScore:
    """The score with something small that goes to and fro."""
    starts_s = np.array([*_times_s(score.duration_s, every_s, rng)])
    movements = []
    for time_s in np.arange(0.5 * _INTERVAL_S, score.duration_s, _INTERVAL_S):
        number = int(np.searchsorted(starts_s, time_s, side="right")) - 1
        within = (time_s - starts_s[number]) / lasts_s if number >= 0 else 1.0
        now = speed if within < 1 else 0.0
        x = 0.5 + (0.15 if number % 2 else -0.15) * (1 - 2 * min(within, 1.0))
        movements.append(
            Movement(
                time_s=float(time_s),
                interval_s=_INTERVAL_S,
                energy=_AREA * now,
                top_speed=now,
                area=_AREA if now else 0.0,
                x=float(x),
                drift_x=now if number % 2 else -now,
                steady=1.0,
            )
        )
    return replace(score, movements=tuple(movements))
