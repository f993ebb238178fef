"""Loudness matching of compared tracks (ITU-R BS.1770), within their true peaks.

The louder track would else win a comparison for that alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepsound.media.audio import resample, to_mono
from deepsound.media.loudness import measure
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness

# As loud as streaming services play music; a sound with high peaks holds all of them below that.
LOUDEST_LUFS = -16.0
CEILING_DBTP = -1.0
# More would lift the rustle of an empty stem to the level of speech.
MOST_GAIN_DB = 24.0
# One channel comes out of both loudspeakers, where the standard counts it once.
MONO_LU = 3.01
# Browsers play FLAC at these rates in Hz, and FLAC can write them.
_PLAYED_RATES = range(8000, 65536)
_HIGH_RATES = (88200, 96000)
_LISTENING_RATE = 48000


@dataclass(frozen=True)
class MatchedLevel:
    """A track's loudness as it is, and the gain in dB that brings it level with the others.

    `matched` is False for a sound that cannot be: silent, shorter than 0.4 s, or too quiet for the gain there is.
    """

    loudness: Loudness
    gain_db: float
    matched: bool


def to_playable(audio: Audio, progress: Progress) -> Audio:
    """The sound as a browser can play it: one or two channels (more become their mean) at a rate between 8 and 96 kHz.

    Raises InputError when it cannot be resampled.
    """
    audio = to_mono(audio) if audio.channels > 2 else audio
    playable = audio.sample_rate in _PLAYED_RATES or audio.sample_rate in _HIGH_RATES
    return audio if playable else resample(audio, _LISTENING_RATE, progress)


def equal_loudness(sounds: Sequence[Audio], progress: Progress) -> tuple[MatchedLevel, ...]:
    """One Level for each of `sounds`, which are as heard: all at the greatest loudness that none clips at.

    The common loudness (ITU-R BS.1770) is the least over the tracks of what their true peak leaves under -1 dBTP, at
    most -16 LUFS. How quiet a track is does not matter for it, only how far its peaks stand out.
    """
    measured = [measure(sound, progress) for sound in sounds]
    heard = [_playable_lufs(level, sound) for level, sound in zip(measured, sounds, strict=True)]
    reachable = [
        lufs + CEILING_DBTP - level.true_peak_dbtp
        for lufs, level in zip(heard, measured, strict=True)
        if lufs is not None and level.true_peak_dbtp is not None
    ]
    target = min([LOUDEST_LUFS, *reachable])
    return tuple(_level(loudness, lufs, target) for loudness, lufs in zip(measured, heard, strict=True))


def _playable_lufs(level: Loudness, sound: Audio) -> float | None:
    if level.integrated_lufs is None:
        return None
    return level.integrated_lufs + (MONO_LU if sound.channels == 1 else 0.0)


def _level(loudness: Loudness, heard_lufs: float | None, target_lufs: float) -> MatchedLevel:
    if heard_lufs is None or loudness.true_peak_dbtp is None:
        # Without a loudness nothing is matched; what would clip is still held under the ceiling.
        return MatchedLevel(loudness, min(0.0, CEILING_DBTP - (loudness.true_peak_dbtp or -100.0)), False)
    wanted_db = target_lufs - heard_lufs
    return MatchedLevel(loudness, min(wanted_db, MOST_GAIN_DB), wanted_db <= MOST_GAIN_DB)
