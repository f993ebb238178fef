"""Impact sync: a ranking form of AV-Align with floors on both sides and one match per peak.

AV-Align as published (see `av_align`) counts the ripples of a still picture as peaks and lets several onsets share
one, so that clips in perfect sync score 0.2. Here an onset must rise by some decibels, a peak of motion must be a
sudden loss of momentum, and onsets and peaks are paired one to one. It is no published metric; it ranks takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.evaluate.onsets import (
    FRAMES_BEFORE_LAG,
    HOP,
    SAMPLE_RATE,
    load_mono,
    onset_frames,
    onset_strength,
)
from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np

# Steady noise and storms reach 1.6 dB, noise that swells twice a second 4.2 dB, hits in quiet surroundings 10 to 40 dB.
LEAST_RISE_DB = 4.5
LEAST_OF_STRONGEST = 0.2
# An onset is reported up to 1.3 hops after the sound begins, 0.8 on average (measured on rendered impacts).
ONSET_DELAY_S = 0.8 * HOP / SAMPLE_RATE
# Half a window of the onset detector: what it cannot tell apart is in sync, as it is for people (ITU-R BT.1359: 45 ms).
LEAST_TOLERANCE_S = 0.045


@dataclass(frozen=True)
class ImpactSync:
    """How many of `onsets` and `impacts` are pairs, and `score`, pairs / (onsets + impacts - pairs), 0 to 1."""

    onsets: int
    impacts: int
    pairs: int

    @property
    def score(self) -> float:
        union = self.onsets + self.impacts - self.pairs
        return self.pairs / union if union else 0.0


def impact_sync(audio: Audio, impacts_s: np.ndarray, fps: float) -> ImpactSync:
    """Pair the strong onsets of `audio` with the clip's impacts, which are within one frame's time, or 45 ms if longer.

    `impacts_s` come from media.motion_impulse; the sound's time 0 is the clip's.
    """
    return match_impacts(strong_onsets_s(audio), impacts_s, fps)


def match_impacts(onsets_s: np.ndarray, impacts_s: np.ndarray, fps: float) -> ImpactSync:
    """Pair strong onsets with impacts, both ascending times in seconds."""
    pairs = count_pairs(onsets_s, impacts_s, max(1.0 / fps, LEAST_TOLERANCE_S))
    return ImpactSync(len(onsets_s), len(impacts_s), pairs)


def strong_onsets_s(audio: Audio) -> np.ndarray:
    """Times in seconds of the onsets that rise above the floors, float64 [n], the detector's delay taken off."""
    import numpy as np

    if not audio.samples:
        return np.zeros(0)
    envelope = onset_strength(load_mono(audio))
    # The first frames show that the sound begins, whatever it is.
    envelope[: FRAMES_BEFORE_LAG + 1] = 0.0
    frames = onset_frames(envelope)
    floor = max(LEAST_RISE_DB, LEAST_OF_STRONGEST * float(envelope.max()))
    return frames[envelope[frames] >= floor] * (HOP / SAMPLE_RATE) - ONSET_DELAY_S


def count_pairs(onsets_s: np.ndarray, impacts_s: np.ndarray, tolerance_s: float) -> int:
    """The size of the largest one-to-one matching of two lists of ascending times at most `tolerance_s` apart."""
    first = second = pairs = 0
    while first < len(onsets_s) and second < len(impacts_s):
        apart_s = onsets_s[first] - impacts_s[second]
        # Pairing the earliest that can be paired is never worse: all tolerances are the same.
        if abs(apart_s) <= tolerance_s:
            pairs, first, second = pairs + 1, first + 1, second + 1
        elif apart_s < 0:
            first += 1
        else:
            second += 1
    return pairs
