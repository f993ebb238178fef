"""Loudness and true peak (ITU-R BS.1770), and normalisation by gain and limiter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from deepsound.errors import InputError
from deepsound.media.container import ThrottledProgress
from deepsound.media.filters import Biquad, RecursiveFilter, high_shelf, highpass
from deepsound.media.limiter import amplified, limit, limiting_gains, peak_envelope
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import copy_of, release_pages
from deepsound.types import Audio, Loudness

# BS.1770-4, annex 1: blocks of 400 ms, a new one every 100 ms; gates at -70 LUFS and 10 LU under the mean.
_BLOCK_S = 0.4
_HOPS_PER_S = 10
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
# Annex 2: at least four times oversampled at 48 kHz.
_OVERSAMPLING = 4
_PEAK_BLOCK = 1 << 16
_CHUNK_HOPS = 100
_HOPS_PER_BLOCK = 4
_OFFSET_LU = -0.691
# Left, right, centre, and both surrounds.
_CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)


# The level at which the embedded draft's sounds come out: that of broadcasts (EBU R 128). It leaves hits their attack;
# for a stream or a social network -14 to -16 is usual, which a target of one's own reaches through the limiter.
TARGET_LUFS = -23.0
CEILING_DBTP = -1.0
# Under this a sound is there and yet nobody hears it: a quiet room is louder.
INAUDIBLE_LUFS = -60.0
_CLOSE_LU = 0.1
_NEAR_LU = 0.5
# More than this and the limiter would have flattened whatever stands out.
_MOST_LIMITING_DB = 18.0
_MOST_TRIES = 8
# Meters differ by this much.
_PEAK_MARGIN_DB = 0.3
_TOO_QUIET_OR_SHORT = "its loudness cannot be measured: it is shorter than 0.4 s or quieter than -70 LUFS"


@dataclass(frozen=True)
class Levelling:
    """How a sound was brought to `target_lufs`: what it reached, by how much gain, how far its peaks were turned down.

    `reached_lufs` is None where the loudness cannot be measured. `why` says, for a person, why the target was missed by
    more than 0.5 LU; it is empty where it was reached.
    """

    target_lufs: float
    reached_lufs: float | None
    gain_db: float
    limited_db: float
    why: str = ""

    @property
    def is_reached(self) -> bool:
        return not self.why

    def __str__(self) -> str:
        if self.reached_lufs is None:
            return f"target {self.target_lufs:g} LUFS: {self.why}"
        what = f"target {self.target_lufs:g} LUFS, reached {self.reached_lufs:.1f}: gain {self.gain_db:+.1f} dB"
        limited = f", peaks turned down by up to {self.limited_db:.1f} dB" if self.limited_db > 0.05 else ""
        return what + limited + (f"; {self.why}" if self.why else "")


def measure(audio: Audio, progress: Progress = Progress()) -> Loudness:
    """Integrated loudness in LUFS (None for silence or less than 0.4 s) and true peak in dBTP (None for zeros)."""
    return Loudness(integrated_lufs(audio, progress), true_peak_dbtp(audio, progress))


def integrated_lufs(audio: Audio, progress: Progress = Progress()) -> float | None:
    """Integrated loudness alone in LUFS; None for silence or less than 0.4 s."""
    return _integrated_lufs(_metered_channels(audio.numpy()), audio.sample_rate, ThrottledProgress(progress))


def normalise(
    audio: Audio,
    target_lufs: float,
    true_peak_ceiling_dbtp: float = CEILING_DBTP,
    progress: Progress = Progress(),
) -> Audio:
    """The sound at `target_lufs` by gain alone, or as near as the ceiling allows (see `limit_to_loudness`).

    A sound whose loudness cannot be measured (silent, or under 0.4 s) stays as it is. Raises InputError for a target
    or ceiling that is not a number.
    """
    _check_target(target_lufs, true_peak_ceiling_dbtp)
    level = measure(audio, progress)
    if level.integrated_lufs is None or level.true_peak_dbtp is None:
        return audio
    return _amplify(audio, min(target_lufs - level.integrated_lufs, true_peak_ceiling_dbtp - level.true_peak_dbtp))


def limit_to_loudness(
    audio: Audio,
    target_lufs: float = TARGET_LUFS,
    true_peak_ceiling_dbtp: float = CEILING_DBTP,
    progress: Progress = Progress(),
) -> tuple[Audio, Levelling]:
    """The sound at `target_lufs` with no true peak above the ceiling, by gain and where needed by a limiter.

    Sparse hits in silence cannot be made loud without being flattened: beyond 18 dB of limiting the target is missed,
    and the Levelling says by how much. A sound whose loudness cannot be measured (silent, or under 0.4 s) stays as it
    is. Raises InputError for a target or ceiling that is not a number.
    """
    _check_target(target_lufs, true_peak_ceiling_dbtp)
    level = measure(audio, progress)
    if level.integrated_lufs is None or level.true_peak_dbtp is None:
        why = "there is nothing to hear in it" if level.true_peak_dbtp is None else _TOO_QUIET_OR_SHORT
        return audio, Levelling(target_lufs, None, 0.0, 0.0, why)
    gain_db = target_lufs - level.integrated_lufs
    if level.true_peak_dbtp + gain_db <= true_peak_ceiling_dbtp - _PEAK_MARGIN_DB:
        return _amplify(audio, gain_db), Levelling(target_lufs, target_lufs, gain_db, 0.0)
    return _limit_to_target(audio, target_lufs, true_peak_ceiling_dbtp, level, progress)


def _check_target(target_lufs: float, ceiling_dbtp: float) -> None:
    if not (math.isfinite(target_lufs) and math.isfinite(ceiling_dbtp)):
        raise InputError(f"expected a finite loudness target and ceiling, got {target_lufs} and {ceiling_dbtp}.")


def is_inaudible(level: Loudness) -> bool:
    """Whether a sound of this level is silent, or so faint that nobody hears it."""
    if level.integrated_lufs is None:
        return level.true_peak_dbtp is None or level.true_peak_dbtp < INAUDIBLE_LUFS
    return level.integrated_lufs < INAUDIBLE_LUFS


def _limit_to_target(
    audio: Audio, target_lufs: float, ceiling_dbtp: float, level: Loudness, progress: Progress
) -> tuple[Audio, Levelling]:
    """Raise the gain before the limiter until its output is at the target, or its peaks are turned down too far."""
    pace = ThrottledProgress(progress)
    samples, rate = audio.numpy(), audio.sample_rate
    envelope = peak_envelope(samples, pace)
    peak_dbtp, loudness = 20 * math.log10(envelope.max()), level.integrated_lufs or 0.0
    most_db = ceiling_dbtp - peak_dbtp + _MOST_LIMITING_DB
    gain_db = min(target_lufs - loudness, most_db)
    for _ in range(_MOST_TRIES):
        gain = 10 ** (gain_db / 20)
        made = amplified(samples, gain, limiting_gains(envelope, rate, ceiling_dbtp, gain))
        short_lu = target_lufs - (_integrated_lufs(_metered_channels(made), rate, pace) or -math.inf)
        if abs(short_lu) <= _CLOSE_LU or (short_lu > 0 and gain_db >= most_db):
            break
        # The limiter takes a part of each decibel that is added, so a little more than what is missing is asked for.
        gain_db = min(gain_db + short_lu * (1.3 if short_lu > 0 else 1.0), most_db)
    result = Audio.from_numpy(limit(made, rate, ceiling_dbtp, pace), rate, audio.layout)
    reached = _integrated_lufs(_metered_channels(result.numpy()), rate, pace)
    limited_db = max(0.0, peak_dbtp + gain_db - ceiling_dbtp)
    why = ""
    if reached is None or abs(target_lufs - reached) > _NEAR_LU:
        why = (
            f"its peaks stand {peak_dbtp - loudness:.0f} dB above its loudness, and more than {limited_db:.0f} dB of "
            "limiting would flatten them"
        )
    return result, Levelling(target_lufs, reached, gain_db, limited_db, why)


def _amplify(audio: Audio, gain_db: float) -> Audio:
    return replace(audio, waveform=copy_of(audio.waveform, 10 ** (gain_db / 20)))


def _metered_channels(samples: np.ndarray) -> np.ndarray:
    """At most the five channels BS.1770 weighs: no low-frequency one, further surrounds added left and right."""
    if samples.shape[0] <= 5:
        return samples
    fronts, surrounds = samples[:3], samples[4:]
    return np.concatenate([fronts, surrounds[0::2].sum(0, keepdims=True), surrounds[1::2].sum(0, keepdims=True)])


def _integrated_lufs(samples: np.ndarray, rate: int, pace: ThrottledProgress) -> float | None:
    if samples.shape[1] < _BLOCK_S * rate:
        return None
    blocks = _block_lufs(samples, rate, pace)
    loud = blocks[blocks >= _ABSOLUTE_GATE_LUFS]
    if not loud.size:
        return None
    gated = loud[loud > _mean_lufs(loud) + _RELATIVE_GATE_LU]
    return _mean_lufs(gated)


def _block_lufs(samples: np.ndarray, rate: int, pace: ThrottledProgress) -> np.ndarray:
    """The loudness [blocks] of each 400 ms, a block every 100 ms; the last one may end a little after the sound."""
    total = round((samples.shape[1] / rate - _BLOCK_S) * _HOPS_PER_S) + _HOPS_PER_BLOCK
    energy = np.concatenate(list(_hop_energies(samples, rate, total, pace)))
    blocks = np.lib.stride_tricks.sliding_window_view(energy, _HOPS_PER_BLOCK).sum(axis=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LU + 10 * np.log10(blocks / (_BLOCK_S * rate)))


def _hop_energies(samples: np.ndarray, rate: int, total: int, pace: ThrottledProgress) -> Iterator[np.ndarray]:
    """The weighted energy of each hop, ten seconds at a time: an hour needs no more memory and can be stopped."""
    weighting = RecursiveFilter(_k_weighting(rate), len(samples))
    weights = np.array(_CHANNEL_WEIGHTS[: len(samples)])
    edges = np.minimum(np.arange(total + 1) * rate // _HOPS_PER_S, samples.shape[1])
    for first in range(0, total, _CHUNK_HOPS):
        pace.update(first / total)
        near = edges[first : first + _CHUNK_HOPS + 1]
        power = weights @ np.square(weighting(samples[:, near[0] : near[-1]]))
        release_pages()
        yield np.array([power[begin:end].sum() for begin, end in pairwise(near - near[0])])


def _k_weighting(rate: int) -> tuple[Biquad, Biquad]:
    """Annex 1's two filters for any rate: a high shelf and a high-pass, with the corners that pyloudnorm uses."""
    return high_shelf(1500.0, rate, 4.0), highpass(38.0, rate, 0.5)


def _mean_lufs(lufs: np.ndarray) -> float:
    """The loudness of the mean power of blocks."""
    return float(10 * np.log10(np.mean(10 ** (lufs / 10))))


def true_peak_dbtp(audio: Audio, progress: Progress = Progress()) -> float | None:
    """The true peak alone in dBTP, four times oversampled (BS.1770-4, annex 2); None for digital silence."""
    import soxr

    pace = ThrottledProgress(progress)
    samples = audio.numpy()
    rate = audio.sample_rate
    stream = soxr.ResampleStream(rate, rate * _OVERSAMPLING, audio.channels, dtype="float32", quality="HQ")
    peak = 0.0
    for start in range(0, audio.samples, _PEAK_BLOCK):
        pace.check()
        block = np.ascontiguousarray(samples[:, start : start + _PEAK_BLOCK].T)
        between = stream.resample_chunk(block, last=start + _PEAK_BLOCK >= audio.samples)
        peak = max(peak, *(float(np.abs(part).max(initial=0.0)) for part in (block, between)))
        release_pages()
    return 20 * math.log10(peak) if peak > 0 else None
