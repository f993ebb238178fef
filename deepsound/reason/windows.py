"""Window-by-window verdicts on long clips, for models that take few frames and little sound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Span, Verdict, WindowVerdict

# Eight stretches of two seconds are what the model is given of a sound.
WINDOW_S = 16.0
# Up to here one question covers most of the sound.
LONGEST_SINGLE_S = 20.0

JudgeOne = Callable[[Clip, Audio, Progress], Judgement]


def window_spans(duration_s: float) -> tuple[Span, ...]:
    """Equal parts of at most 16 s; one for a sound of up to 20 s."""
    count = 1 if duration_s <= LONGEST_SINGLE_S else math.ceil(duration_s / WINDOW_S)
    edges = [duration_s * index / count for index in range(count + 1)]
    return tuple(Span(*edge) for edge in pairwise(edges))


def judge_windows(clip: Clip, audio: Audio, judge_one: JudgeOne, progress: Progress) -> Judgement:
    """The verdict on a clip from one question per window.

    Voice-over in any window is voice-over; none in all of them is none; else it is undecided.
    """
    spans = window_spans(min(audio.duration_s, clip.duration_s))
    if len(spans) == 1:
        return judge_one(clip, audio, progress)
    judgements = []
    for number, span in enumerate(spans):
        progress.say(f"{span} of {audio.duration_s:.0f} s:")
        part = progress.part(number / len(spans), (number + 1) / len(spans))
        judgements.append(judge_one(clip.between(span.start_s, span.end_s), _slice_audio(audio, span), part))
    return combine(spans, judgements)


def combine(spans: Sequence[Span], judgements: Sequence[Judgement]) -> Judgement:
    """One judgement of several windows': the reasoning of the first that decided, the voiced spans of all."""
    verdicts = {judgement.verdict for judgement in judgements}
    if Verdict.YES in verdicts:
        verdict = Verdict.YES
    else:
        verdict = Verdict.UNDECIDED if Verdict.UNDECIDED in verdicts else Verdict.NO
    deciding = next(judgement for judgement in judgements if judgement.verdict is verdict)
    windows = tuple(
        WindowVerdict(span, each.verdict, each.category, each.thought.conclusion)
        for span, each in zip(spans, judgements, strict=True)
    )
    raw = "\n".join(f"[{span}]\n{each.raw}" for span, each in zip(spans, judgements, strict=True))
    heard = tuple(
        Span(span.start_s + each.start_s, span.start_s + each.end_s)
        for span, judgement in zip(spans, judgements, strict=True)
        for each in judgement.voice_spans
    )
    return Judgement(verdict, deciding.category, deciding.thought, heard, raw=raw, windows=windows)


def _slice_audio(audio: Audio, span: Span) -> Audio:
    first, last = round(span.start_s * audio.sample_rate), round(span.end_s * audio.sample_rate)
    return Audio(audio.waveform[:, first:last], audio.sample_rate, audio.layout)
