"""The synthesised beds: noise bands, crackles, hums and calls, tuned on measured spectra."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.generate.draft.noise import Band


@dataclass(frozen=True)
class Bed:
    """A background: `bands` of noise, `crackles` made of single grains, and the partials of something that turns.

    `hum_hz` is the turning's frequency, which rises with the motion by up to `hum_rise` of itself; `calls_per_s`
    trills around `call_hz` come from small animals.
    """

    bands: tuple[Band, ...]
    crackles: tuple[Band, ...] = ()
    crackles_per_s: float = 400.0
    hum_hz: float = 0.0
    hum_gains_db: tuple[float, ...] = ()
    hum_rise: float = 0.0
    call_hz: float = 0.0
    calls_per_s: float = 0.0
    call_gain_db: float = 0.0


BEDS = {
    "room": Bed((Band(90, 1.0, 0), Band(400, 1.2, -10, 1.5, 4), Band(2500, 1.2, -24))),
    "air": Bed(
        (
            Band(110, 0.9, 0, 2, 2.5),
            Band(420, 0.8, -4, 3, 1.9),
            Band(1500, 1.0, -12, 4, 1.6),
            Band(5000, 0.9, -22, 3, 2.2),
        )
    ),
    "wind": Bed(
        (
            Band(120, 0.9, 0, 3, 3.1),
            Band(330, 0.5, -4, 5, 2.3),
            Band(620, 0.45, -8, 6, 1.9),
            Band(1300, 0.8, -14, 5, 1.7),
            Band(4500, 0.9, -24, 4, 2.0),
        )
    ),
    "rain": Bed(
        (Band(5200, 1.0, -2, 1, 4), Band(900, 1.2, -12, 1, 5), Band(160, 0.9, -16)),
        (Band(3800, 0.7, -3), Band(1800, 0.5, -10)),
        2500,
    ),
    "stream": Bed(
        (Band(700, 0.7, -3, 2, 0.9), Band(2200, 0.8, -6, 2, 0.7), Band(200, 0.8, -10, 2, 1.5)),
        (Band(1100, 0.35, -5, 2, 0.8), Band(2600, 0.4, -10, 2, 0.6)),
        900,
    ),
    "sea": Bed(
        (Band(300, 1.0, 0, 6, 3.4), Band(1200, 1.0, -5, 7, 3.4), Band(4200, 0.9, -11, 8, 3.4), Band(80, 0.8, -6, 2, 4))
    ),
    "fire": Bed(
        (Band(130, 0.9, 0, 2, 1.2), Band(500, 0.9, -9, 2, 0.8)),
        (Band(2600, 0.9, -10, 2, 0.9), Band(5200, 0.7, -14, 2, 0.7)),
        220,
    ),
    "engine": Bed(
        (Band(160, 0.9, -6, 1, 0.8), Band(900, 1.0, -14, 1, 0.9)),
        hum_hz=42,
        hum_gains_db=(-4, 0, -3, -6, -5, -9, -11, -13, -15, -18),
        hum_rise=0.5,
    ),
    "machine": Bed(
        (Band(350, 1.0, -4, 1, 3), Band(1800, 1.0, -12, 1, 3)),
        hum_hz=50,
        hum_gains_db=(-14, -4, -18, -9, -22, -14, -24, -17),
        hum_rise=0.05,
    ),
    "city": Bed(
        (
            Band(95, 0.9, 0, 3, 4.5),
            Band(350, 0.9, -7, 3, 3.7),
            Band(1100, 0.9, -14, 4, 3.1),
            Band(3500, 0.9, -25, 3, 3.3),
        )
    ),
    "forest": Bed(
        (Band(240, 1.1, -6, 3, 3), Band(2400, 0.9, -12, 4, 2.3), Band(6500, 0.7, -14, 4, 1.9)),
        call_hz=3600,
        calls_per_s=0.7,
        call_gain_db=-6,
    ),
    "night": Bed(
        (Band(150, 1.0, -3, 2, 4), Band(1500, 1.2, -16, 2, 4)), call_hz=4700, calls_per_s=1.4, call_gain_db=-5
    ),
}
