"""Recorded sounds of the draft: the package's own and those of a user's folder.

A folder's sounds are named by the folders they lie in, or by a table `sounds.csv` with the columns `file`, `tags`
(separated by spaces, commas or bars) and, if wanted, `role` (bed, event or hit).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from deepsound.errors import DeepSoundError
from deepsound.media.audio import decode_audio, resample
from deepsound.media.probe import probe
from deepsound.runtime.paths import is_file

Role = Literal["bed", "event", "hit"]
FOLDER = Path(__file__).parent / "samples"
SAMPLE_RATE = 44_100
LONGEST_S = 60.0
_LEAST_SAMPLES = 64
_LEAST_PEAK = 1e-4
_BED_FROM_S, _HIT_TO_S = 4.0, 1.2


@dataclass(frozen=True)
class Layer:
    """One of the sounds that an occurrence of a recording is mixed from, `after_s` seconds after its beginning.

    `take` is the number of the take (None: the one drawn for the occurrence). The pitch rises by `bend` semitones to
    the end; `keeps_s` cuts the layer off (0: never), `above_hz` takes away its low end, `rise_s` lets it swell.
    """

    semitones: float = 0.0
    gain_db: float = 0.0
    after_s: float = 0.0
    take: int | None = None
    bend: float = 0.0
    keeps_s: float = 0.0
    above_hz: float = 0.0
    rise_s: float = 0.0


@dataclass(frozen=True)
class Recording:
    """A sound in one or more takes (`paths`), and how it is played.

    A bed sounds throughout, in place of the synthesised beds that it `replaces`; a hit on every impact seen, an event
    about every `every_s` seconds (give or take the share `uneven`), as is a hit where nothing is seen to hit. `lasts_s`
    goes on by repeating the loop of the file (0: once); `speed` is how fast it is played, `vary` how much the pitch
    differs from one occurrence to the next (1: up to 1.6 semitones either way). Each occurrence is mixed from `layers`.
    `files` names the package's files, if not that of the recording's name; `role` None: by the length of the take.
    """

    name: str
    role: Role | None
    paths: tuple[Path, ...] = ()
    every_s: float = 4.0
    lasts_s: float = 0.0
    speed: float = 1.0
    gain_db: float = 0.0
    replaces: frozenset[str] = frozenset()
    passes_by: bool = False
    loop_s: tuple[float, float] | None = field(default=None, compare=False)
    files: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = (Layer(),)
    vary: float = 1.0
    uneven: float | None = None

    def role_of(self, samples: int) -> Role:
        """What the recording is played as, with a take of so many samples."""
        if self.role is not None:
            return self.role
        seconds = samples / SAMPLE_RATE
        return "bed" if seconds > _BED_FROM_S else "hit" if seconds < _HIT_TO_S else "event"


def _bed(name: str, replaces: str, gain_db: float = 0.0) -> Recording:
    return Recording(name, "bed", replaces=frozenset(replaces.split()), gain_db=gain_db)


# Most follow how the sound font's own presets pitch and layer these samples.
_ROLLING = (Layer(-7, rise_s=0.3), Layer(-1, -3, 0.2, rise_s=0.3), Layer(-9, -5, 1.6, rise_s=0.5))
_HEEL_AND_TOE = (Layer(2, above_hz=200), Layer(9, -6, 0.1, above_hz=400))
_CAR_CRASH = (Layer(take=0), Layer(take=1))
_RUMBLING = (Layer(), Layer(-8, -2, 0.05), Layer(-12, -6, 0.5))
_PUSH_AND_PULL = (Layer(bend=6), Layer(-2, 0, 0.17, bend=-8), Layer(3, 0, 0.36, bend=5), Layer(-2, 0, 0.5, bend=-8))
_TICK_TOCK = (Layer(12, keeps_s=0.03), Layer(10, -1, 0.5, keeps_s=0.03))

_EMBEDDED = (
    _bed("rain", "rain"),
    _bed("river", "stream"),
    _bed("bubbles", "stream"),
    _bed("applause", "room"),
    _bed("helicopter", "engine"),
    _bed("train", "engine"),
    Recording("sea", "event", every_s=3.2, speed=0.42, gain_db=-4),
    Recording("thunder", "event", every_s=8.0, gain_db=4, vary=0.4, layers=_ROLLING),
    Recording("dog", "event", every_s=0.8),
    Recording("bird", "event", every_s=1.3, gain_db=-4),
    Recording("gallop", "event", every_s=3.7, lasts_s=3.7),
    Recording("footstep", "hit", every_s=0.52, vary=0.5, layers=_HEEL_AND_TOE),
    Recording("heartbeat", "event", every_s=0.9),
    Recording("punch", "hit", every_s=1.1, vary=0.4, layers=(Layer(-2), Layer(-9, -6))),
    Recording("door", "hit", every_s=3.5),
    Recording("creak", "event", every_s=3.5),
    Recording("telephone", "event", every_s=3.0, lasts_s=2.0, vary=0.0, uneven=0.01, layers=(Layer(0), Layer(4))),
    Recording("wind_chime", "event", every_s=2.2, lasts_s=4.0, vary=0.4, layers=(Layer(-4),)),
    Recording("car_start", "event", every_s=7.0),
    Recording("car_stop", "event", every_s=6.0),
    Recording("car_pass", "event", every_s=4.5, passes_by=True),
    Recording("car_crash", "hit", every_s=6.0, vary=0.5, files=("car_crash", "crash"), layers=_CAR_CRASH),
    Recording("crash", "hit", every_s=5.0),
    Recording("siren", "event", every_s=4.5, lasts_s=4.2),
    Recording("spaceship", "event", every_s=5.0, lasts_s=3.5),
    Recording("gun", "hit", every_s=1.6),
    Recording("machine_gun", "event", every_s=1.9, lasts_s=1.4, vary=0.2, layers=(Layer(-2.4),)),
    Recording("explosion", "hit", every_s=4.0, gain_db=4, vary=0.4, layers=_RUMBLING),
    Recording("click", "hit", every_s=0.5),
    Recording("tick", "event", every_s=1.0, vary=0.05, uneven=0.003, files=("click",), layers=_TICK_TOCK),
    Recording("scratch", "event", every_s=0.75, vary=0.7, layers=_PUSH_AND_PULL),
)
NAMES = frozenset(recording.name for recording in _EMBEDDED)


@lru_cache(maxsize=1)
def embedded() -> Mapping[str, Recording]:
    """The package's recordings by name; those whose files are missing are left out."""
    try:
        loops = json.loads((FOLDER / "samples.json").read_text(encoding="utf-8"))["loops_s"]
    except (OSError, ValueError, KeyError):
        loops = {}
    found = {}
    for recording in _EMBEDDED:
        paths = tuple(FOLDER / f"{name}.flac" for name in recording.files or (recording.name,))
        if all(map(is_file, paths)):
            found[recording.name] = replace(recording, paths=paths, loop_s=tuple(loops.get(recording.name, ())) or None)
    return found


@lru_cache(maxsize=64)
def load_take(path: Path) -> np.ndarray | None:
    """A file's first minute as float32 [2, samples] at 44100 Hz with a peak of 1; None for one that holds no sound."""
    try:
        lasts_s = probe(path).duration_s
        only_s = LONGEST_S if lasts_s is not None and lasts_s > LONGEST_S else None
        samples = resample(decode_audio(path, 0.0, only_s, downmix="stereo"), SAMPLE_RATE).numpy()
    except (DeepSoundError, OSError):
        return None
    peak = float(np.abs(samples).max(initial=0.0))
    if samples.shape[1] < _LEAST_SAMPLES or peak < _LEAST_PEAK:
        return None
    stereo = np.repeat(samples, 2, axis=0) if len(samples) == 1 else samples[:2]
    return (stereo / peak).astype(np.float32)
