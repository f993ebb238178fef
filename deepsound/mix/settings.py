"""Settings of a mix and its loudness targets (EBU R 128, ATSC A/85, streaming)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepsound.choices import Option, names_of, option
from deepsound.errors import InputError
from deepsound.media.length_policy import DEFAULT_LENGTH, LENGTH_NAMES, require_length_policy


@dataclass(frozen=True)
class LoudnessTarget(Option):
    """A loudness for one destination; `lufs` is None where the loudness is left as it is."""

    lufs: float | None


LOUDNESS_TARGETS = (
    LoudnessTarget("web", "-14 LUFS", "-14 LUFS, what video platforms and streaming services play at", -14.0),
    LoudnessTarget("podcast", "-16 LUFS", "-16 LUFS, podcasts and phones", -16.0),
    LoudnessTarget("ebu_r128", "-23 LUFS", "-23 LUFS, European broadcasts (EBU R 128)", -23.0),
    LoudnessTarget("atsc_a85", "-24 LUFS", "-24 LUFS, American broadcasts (ATSC A/85)", -24.0),
    LoudnessTarget("keep", "as it is", "the loudness stays; only peaks above the ceiling are turned down", None),
)
LOUDNESS_NAMES = names_of(LOUDNESS_TARGETS)
# name -> lowest and highest value
RANGES = {
    "original_gain_db": (-60.0, 24.0),
    "generated_gain_db": (-60.0, 24.0),
    "ducking_db": (0.0, 60.0),
    "fade_in_s": (0.0, 3600.0),
    "fade_out_s": (0.0, 3600.0),
    "stereo_width": (0.0, 2.0),
    "ceiling_dbtp": (-12.0, 0.0),
}


@dataclass(frozen=True)
class MixSettings:
    """How two sounds become one: gains and ducking in dB, fades in seconds, width of the generated sound's stereo.

    `ducking_db` is how far the generated sound goes down while somebody speaks in the original one. `stereo_width` 0 is
    mono, 1 leaves it as it is. Raises InputError for a value outside `RANGES` or an unknown name.
    """

    original_gain_db: float = -6.0
    generated_gain_db: float = 0.0
    ducking_db: float = 9.0
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    stereo_width: float = 1.0
    loudness: str = "web"
    ceiling_dbtp: float = -1.0
    length: str = DEFAULT_LENGTH

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and low <= value <= high):
                raise InputError(f"{name}: expected a number from {low:g} to {high:g}, got {value!r}; enter another.")
        option("loudness", self.loudness, LOUDNESS_TARGETS)
        require_length_policy(self.length)

    @property
    def target_lufs(self) -> float | None:
        """The loudness aimed at, or None where it is left as it is."""
        return option("loudness", self.loudness, LOUDNESS_TARGETS).lufs


__all__ = ["LENGTH_NAMES", "LOUDNESS_NAMES", "LOUDNESS_TARGETS", "RANGES", "LoudnessTarget", "MixSettings"]
