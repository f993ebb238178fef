"""Step 4: is what is left silent?

The rule of the original project (measured of it, librosa 0.11 semantics): the mono average is cut into frames of 2048
samples every 512, centred and zero padded; a frame is silent below -50 dB RMS, after a floor 80 dB under the loudest
frame; the sound is silent when more than 90 % of its frames are. Both comparisons are strict, nothing is resampled.

`measure` judges a whole sound so; `spans` says by the same frames and levels where in it the silence is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Silence, Span

if TYPE_CHECKING:
    import numpy as np

_FRAMES_PER_BLOCK = 4096


@dataclass(frozen=True)
class SilenceRule:
    """Thresholds of the published rule: levels in dB re full scale, lengths in samples, `max_silent_ratio` 0 to 1."""

    frame_length: int = 2048
    hop_length: int = 512
    silent_below_db: float = -50.0
    dynamic_range_db: float = 80.0
    min_amplitude: float = 1e-5
    max_silent_ratio: float = 0.9


def measure(audio: Audio, rule: SilenceRule = SilenceRule(), progress: Progress = Progress()) -> Silence:
    """Whether `audio` is silent under the published rule, with the share of its frames that are.

    An empty sound is silent with a ratio of 1.
    """
    if audio.samples == 0:
        return Silence(is_silent=True, ratio=1.0, frames=0)
    levels_db = frame_levels_db(frame_rms(audio.numpy().mean(axis=0), rule, progress), rule)
    ratio = float((levels_db < rule.silent_below_db).mean())
    return Silence(is_silent=ratio > rule.max_silent_ratio, ratio=ratio, frames=len(levels_db))


def spans(
    audio: Audio,
    rule: SilenceRule = SilenceRule(),
    min_duration_s: float = 0.5,
    progress: Progress = Progress(),
) -> tuple[Span, ...]:
    """The silent stretches of `audio` that last `min_duration_s` seconds or more, in order.

    A frame stands for the hop around its middle, so that a span ends half a frame before what is heard next. Silence
    of the whole is one span from beginning to end; an empty sound has none. Raises InputError for a duration that is
    negative or not a number.
    """
    if not min_duration_s >= 0:
        raise InputError(f"The shortest silence must be 0 seconds or more, not {min_duration_s}.")
    if audio.samples == 0:
        return ()
    levels_db = frame_levels_db(frame_rms(audio.numpy().mean(axis=0), rule, progress), rule)
    runs = _runs(levels_db < rule.silent_below_db)
    edges = [(_edge(first, audio, rule), _edge(stop, audio, rule)) for first, stop in runs]
    found = (Span(begin / audio.sample_rate, end / audio.sample_rate) for begin, end in edges if end > begin)
    return tuple(span for span in found if span.duration_s >= min_duration_s)


def _runs(silent: np.ndarray) -> list[tuple[int, int]]:
    """First and past-the-last index of each run of true values."""
    import numpy as np

    steps = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    return [(int(first), int(stop)) for first, stop in steps.reshape(-1, 2)]


def _edge(frame: int, audio: Audio, rule: SilenceRule) -> int:
    """The sample between a frame and the one before it, within the sound."""
    frames = 1 + audio.samples // rule.hop_length
    if frame >= frames:
        return audio.samples
    return min(max(frame * rule.hop_length - rule.hop_length // 2, 0), audio.samples)


def frame_rms(mono: np.ndarray, rule: SilenceRule, progress: Progress = Progress()) -> np.ndarray:
    """RMS of each centred frame, float32 [1 + samples // hop]; `mono` is float32 [samples]."""
    import numpy as np

    half = rule.frame_length // 2
    padded = np.pad(mono, half)
    frames = np.lib.stride_tricks.sliding_window_view(padded, rule.frame_length)[:: rule.hop_length]
    rms = np.empty(len(frames), dtype=np.float32)
    for start in range(0, len(frames), _FRAMES_PER_BLOCK):
        progress.check()
        block = frames[start : start + _FRAMES_PER_BLOCK]
        rms[start : start + _FRAMES_PER_BLOCK] = np.sqrt(np.mean(np.square(block), axis=1))
    return rms


def frame_levels_db(rms: np.ndarray, rule: SilenceRule) -> np.ndarray:
    """Levels in dB re full scale, floored at the rule's dynamic range under the loudest frame."""
    import numpy as np

    levels_db = 10.0 * np.log10(np.maximum(rule.min_amplitude**2, np.square(rms)))
    return np.maximum(levels_db, levels_db.max() - rule.dynamic_range_db)
