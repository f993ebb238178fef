"""Step 4's silence rules: the published one, and one for the residue of a voice.

The rule of the original project (measured of it, librosa 0.11 semantics): the mono average is cut into frames of 2048
samples every 512, centred and zero padded; a frame is silent below -50 dB RMS, after a floor 80 dB under the loudest
frame; the sound is silent when more than 90 % of its frames are. Both comparisons are strict, nothing is resampled.

`measure` judges a whole sound so; `spans` says by the same frames and levels where in it the silence is.

`measure_residue` is the default of a run. The published rule is absolute, so that of a loud narrator the ghost which a
separator leaves counts as sound: it also compares what is left with the voice that was removed. Measured on five
voices (four synthesised, one recorded) through bs_roformer_tiny: ghosts of narrators at -14 and -20 LUFS are over
-50 dB in 11 to 53 % of all frames, in at most 15 % of those in pauses, and within 12 dB of the voice in at most 5 % of
those in speech. Rain, room tone, wind and music 20 to 34 LU below a recorded narrator at -14 LUFS are over -50 dB in
20 to 100 % of the frames in pauses. Short hits in that range cannot be told from a ghost by these figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.errors import InputError
from deepsound.media.true_runs import runs_of
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import release_pages
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
    levels_db = frame_levels_db(frame_rms(audio.numpy(), rule, progress), rule)
    ratio = float((levels_db < rule.silent_below_db).mean())
    return Silence(is_silent=ratio > rule.max_silent_ratio, ratio=ratio, frames=len(levels_db))


@dataclass(frozen=True)
class ResidueRule:
    """When what a separator left counts as the ghost of the voice it removed, and nothing else.

    It lies `below_voice_db` under the voice as a whole; in the pauses of the voice (`pause_db` under its loudest frame
    for `hold_frames` around) at most `max_in_pauses` of its frames are audible, in speech at most `max_in_speech` are
    and come within `near_voice_db` of the voice. With fewer than `least_pauses` frames of pause nothing is concluded.
    """

    below_voice_db: float = 15.0
    pause_db: float = 30.0
    hold_frames: int = 9
    least_pauses: int = 8
    max_in_pauses: float = 0.18
    near_voice_db: float = 12.0
    max_in_speech: float = 0.1


def measure_residue(
    mix: Audio,
    background: Audio,
    rule: SilenceRule = SilenceRule(),
    residue: ResidueRule = ResidueRule(),
    progress: Progress = Progress(),
) -> Silence:
    """Whether the `background` of a separated `mix` is silent: by the published rule, or as a mere ghost of the voice.

    Both have the same shape and rate; the ratio is the published one. Where their shapes differ the published rule
    alone decides.
    """
    found = measure(background, rule, progress)
    if found.is_silent or mix.waveform.shape != background.waveform.shape:
        return found
    left = frame_levels_db(frame_rms(background.numpy(), rule, progress), rule)
    voice = frame_rms(mix.numpy(), rule, progress, minus=background.numpy())
    is_ghost = _is_ghost(left, frame_levels_db(voice, rule), rule, residue)
    return Silence(is_ghost, found.ratio, found.frames)


def _is_ghost(left_db: np.ndarray, voice_db: np.ndarray, rule: SilenceRule, residue: ResidueRule) -> bool:
    import numpy as np
    from scipy.ndimage import maximum_filter1d

    def mean_db(levels_db: np.ndarray) -> float:
        return float(10 * np.log10(np.mean(10 ** (levels_db / 10))))

    near_db = maximum_filter1d(voice_db, 2 * residue.hold_frames + 1)
    speech = near_db > max(rule.silent_below_db, float(voice_db.max()) - residue.pause_db)
    if not speech.any() or (~speech).sum() < residue.least_pauses:
        return False
    audible = left_db >= rule.silent_below_db
    close = audible & (left_db > near_db - residue.near_voice_db)
    return bool(
        mean_db(left_db) < mean_db(voice_db) - residue.below_voice_db
        and audible[~speech].mean() <= residue.max_in_pauses
        and close[speech].mean() <= residue.max_in_speech
    )


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
        raise InputError(f"expected a shortest silence of 0 seconds or more, got {min_duration_s}.")
    if audio.samples == 0:
        return ()
    levels_db = frame_levels_db(frame_rms(audio.numpy(), rule, progress), rule)
    runs = runs_of(levels_db < rule.silent_below_db)
    edges = [(_edge(first, audio, rule), _edge(stop, audio, rule)) for first, stop in runs]
    found = (Span(begin / audio.sample_rate, end / audio.sample_rate) for begin, end in edges if end > begin)
    return tuple(span for span in found if span.duration_s >= min_duration_s)


def _edge(frame: int, audio: Audio, rule: SilenceRule) -> int:
    """The sample between a frame and the one before it, within the sound."""
    frames = 1 + audio.samples // rule.hop_length
    if frame >= frames:
        return audio.samples
    return min(max(frame * rule.hop_length - rule.hop_length // 2, 0), audio.samples)


def frame_rms(
    samples: np.ndarray, rule: SilenceRule, progress: Progress = Progress(), minus: np.ndarray | None = None
) -> np.ndarray:
    """RMS of each centred frame of the channels' mean, float32 [1 + n // hop]; `samples` is float32 [channels, n].

    With `minus`, of the same shape, it is that of the difference.
    """
    import numpy as np

    half, count = rule.frame_length // 2, samples.shape[1]
    rms = np.empty(1 + (count + 2 * half - rule.frame_length) // rule.hop_length, dtype=np.float32)
    for start in range(0, len(rms), _FRAMES_PER_BLOCK):
        progress.check()
        stop = min(start + _FRAMES_PER_BLOCK, len(rms))
        begin, end = start * rule.hop_length - half, (stop - 1) * rule.hop_length - half + rule.frame_length
        inside = slice(max(begin, 0), min(end, count))
        part = samples[:, inside] if minus is None else samples[:, inside] - minus[:, inside]
        mono = np.pad(part.mean(axis=0), (max(-begin, 0), max(end - count, 0)))
        frames = np.lib.stride_tricks.sliding_window_view(mono, rule.frame_length)[:: rule.hop_length]
        rms[start:stop] = np.sqrt(np.mean(np.square(frames), axis=1))
        release_pages()
    return rms


def frame_levels_db(rms: np.ndarray, rule: SilenceRule) -> np.ndarray:
    """Levels in dB re full scale, floored at the rule's dynamic range under the loudest frame."""
    import numpy as np

    levels_db = 10.0 * np.log10(np.maximum(rule.min_amplitude**2, np.square(rms)))
    return np.maximum(levels_db, levels_db.max() - rule.dynamic_range_db)
