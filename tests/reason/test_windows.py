"""Tests of window-by-window judging of long clips."""

from itertools import pairwise

import pytest
import torch

from deepsound.errors import Cancelled
from deepsound.media.clip import Clip
from deepsound.reason.videollama2.engine import VideoLlama2Reasoner
from deepsound.reason.windows import combine, judge_windows, window_spans
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, ChainOfThought, Judgement, Span, Verdict

YES, NO, UNDECIDED = Verdict.YES, Verdict.NO, Verdict.UNDECIDED


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video(fps=4, seconds=40.0), start_s=1.0)


@pytest.fixture
def audio():
    return Audio(torch.arange(39 * 100, dtype=torch.float32)[None], 100)


@pytest.mark.parametrize("duration_s", [0.5, 16.0, 20.0, 20.1, 39.0, 180.0, 3600.0])
def test_windows_are_equal_parts_of_at_most_sixteen_seconds_beyond_twenty(duration_s):
    spans = window_spans(duration_s)
    assert (spans[0].start_s, spans[-1].end_s) == (0.0, duration_s)
    assert all(one.end_s == other.start_s for one, other in pairwise(spans))
    assert max(span.duration_s for span in spans) <= (16.0 if duration_s > 20 else 20.0) + 1e-9


def test_each_window_is_judged_by_its_own_frames_and_sound(clip, audio):
    seen = []

    def judge(part, sound, progress):
        seen.append((part.start_s, part.duration_s, float(sound.waveform[0, 0]), sound.samples))
        return Judgement(NO)

    judgement = judge_windows(clip, audio, judge, Progress())
    assert seen == [(1.0, 13.0, 0.0, 1300), (14.0, 13.0, 1300.0, 1300), (27.0, 13.0, 2600.0, 1300)]
    assert [each.span for each in judgement.windows] == [Span(0, 13), Span(13, 26), Span(26, 39)]


@pytest.mark.parametrize(
    ("verdicts", "overall"),
    [((NO, YES, NO), YES), ((NO, NO, NO), NO), ((NO, UNDECIDED, NO), UNDECIDED), ((UNDECIDED, YES, NO), YES)],
)
def test_voice_over_anywhere_is_voice_over_and_its_reasoning_is_shown(verdicts, overall):
    spans = [Span(index, index + 1) for index in range(3)]
    judgements = [Judgement(each, thought=ChainOfThought(conclusion=each.value), raw=each.value) for each in verdicts]
    judgement = combine(spans, judgements)
    assert (judgement.verdict, judgement.thought.conclusion) == (overall, overall.value)
    assert [(each.span, each.verdict, each.conclusion) for each in judgement.windows] == [
        (span, verdict, verdict.value) for span, verdict in zip(spans, verdicts, strict=True)
    ]


def test_a_short_clip_and_the_published_settings_are_one_window(clip, audio, monkeypatch):
    asked = []
    reasoner = VideoLlama2Reasoner(published_parser=True)
    monkeypatch.setattr(reasoner, "_judge_whole", lambda *given: asked.append(given) or Judgement(NO))
    assert reasoner.judge(clip, audio, Progress()).windows == ()
    reasoner.published_parser = False
    short = Audio(audio.waveform[:, :2000], 100)
    assert reasoner.judge(clip, short, Progress()).windows == ()
    assert len(asked) == 2
    assert len(reasoner.judge(clip, audio, Progress()).windows) == 3


def test_it_stops_between_windows(clip, audio):
    token = CancelToken()

    def judge(part, sound, progress):
        token.cancel()
        return Judgement(NO)

    with pytest.raises(Cancelled):
        judge_windows(clip, audio, judge, Progress(check=token.check))
