"""Mixing many channels down to one or two (coefficients of ITU-R BS.775-3, table 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from deepsound.errors import InputError

DOWNMIXES = ("mono", "stereo")
# More channels than this no encoder of the written containers takes; 8 is 7.1.
MAX_CHANNELS = 8
_HALF_POWER = math.sqrt(0.5)
# Speakers on the middle line: front, back, top, and the low-frequency effects, which BS.775 leaves to the mixer.
_CENTRES = {"FC", "BC", "TC", "TFC", "TBC", "BFC", "LFE", "LFE2"}
_FRONT = {"FL", "FR", "DL", "DR"}


def check_downmix(downmix: str | None) -> None:
    """Raise InputError for a downmix that is neither None nor one of DOWNMIXES."""
    if downmix is not None and downmix not in DOWNMIXES:
        raise InputError(f"expected a downmix of {' or '.join(DOWNMIXES)}, got {downmix!r}; choose one of them.")


def check_channels(name: str, channels: int, downmix: str | None) -> None:
    """Raise InputError when `name`'s sound has more channels than can be written and is not mixed down."""
    if channels > MAX_CHANNELS and downmix is None:
        raise InputError(
            f"{name}: expected sound of at most {MAX_CHANNELS} channels, got {channels}; "
            f"mix it down (downmix: {' or '.join(DOWNMIXES)})."
        )


def downmix_matrix(speakers: Sequence[str], downmix: str) -> np.ndarray:
    """The gains float32 [1 or 2, channels] that mix channels of these speakers down.

    `speakers` are FFmpeg's names ("FL", "LFE", "SR"). One that is on no side goes to both; a row's gains add up to 1
    where they would be more, so that full scale stays full scale, as FFmpeg does for whole numbers.
    """
    stereo = np.array([_gains(speaker) for speaker in speakers], np.float64).T
    gains = stereo if downmix == "stereo" else stereo.mean(axis=0, keepdims=True)
    loudest = np.abs(gains).sum(axis=1).max()
    return np.asarray(gains / max(1.0, loudest), np.float32)


def _gains(speaker: str) -> tuple[float, float]:
    """What of a speaker goes left and right."""
    side = "" if speaker in _CENTRES else speaker.removesuffix("C")[-1:]
    gain = 1.0 if speaker in _FRONT else _HALF_POWER
    if side == "L":
        return gain, 0.0
    return (0.0, gain) if side == "R" else (_HALF_POWER, _HALF_POWER)
