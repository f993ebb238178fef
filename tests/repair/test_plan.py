"""Tests of repair plans: sources of spans, verdicts, and span lists of users."""

import pytest
import torch

from deepsound.errors import EngineError
from deepsound.repair import plan
from deepsound.repair.plan import plan_segments, resolve_undecided, voiced_spans
from deepsound.runtime.progress import Progress
from deepsound.segments import Segment
from deepsound.types import Audio, Judgement, Span, Verdict

SOUND = Audio(torch.zeros(1, 160_000), 16_000)


@pytest.fixture
def detector(monkeypatch):
    """Set what the voice detector finds; a class of error is raised."""
    found = []

    def spans(audio, progress):
        if found and isinstance(found[0], Exception):
            raise found[0]
        return tuple(found)

    monkeypatch.setattr(plan, "gate_spans", spans)
    return found


def test_spans_are_the_reasoners_and_the_detectors_merged_and_padded(detector):
    detector[:] = [Span(2.0, 3.0), Span(7.0, 8.0)]
    assert voiced_spans(SOUND, (Span(3.2, 4.0),)) == (Span(1.85, 4.15), Span(6.85, 8.15))


def test_without_the_detector_the_reasoners_spans_remain_and_a_note_says_so(detector):
    detector[:] = [EngineError("silero-vad is not installed.")]
    events = []
    assert voiced_spans(SOUND, (Span(1.0, 2.0),), Progress(events.append)) == (Span(0.85, 2.15),)
    assert [event.text for event in events if event.is_note] == [
        "The voice detector found no spans: silero-vad is not installed."
    ]


def test_spans_of_a_voice_over_have_the_clips_verdict(detector):
    detector[:] = [Span(1.0, 2.0), Span(5.0, 6.0)]
    segments = plan_segments(SOUND, Judgement(Verdict.YES), True)
    assert [segment.verdict for segment in segments] == [Verdict.YES, Verdict.YES]
    assert {segment.why for segment in segments} == {"the clip's verdict is voice-over"}


def test_a_voice_over_that_nobody_locates_is_the_whole_clip(detector):
    (segment,) = plan_segments(SOUND, Judgement(Verdict.YES), True)
    assert segment.span == Span(0.0, 10.0)
    assert "no voiced span was located" in segment.why


def test_without_voice_over_nothing_is_detected_and_what_was_heard_is_kept(detector):
    detector[:] = [AssertionError("the detector must not run")]
    judgement = Judgement(Verdict.NO, voice_spans=(Span(1.0, 2.0),))
    segments = resolve_undecided(plan_segments(SOUND, judgement, False), False)
    assert [(each.span, each.action) for each in segments] == [(Span(0.85, 2.15), "keep")]


def test_a_reasoner_that_judges_spans_has_the_say_on_each(detector):
    judgement = Judgement(Verdict.NO, voice_spans=(Span(2.0, 3.0), Span(6.0, 7.0)))

    def verdicts(judgement, spans, duration_s):
        return [(Verdict.NO if span.start_s < 4 else Verdict.YES, "seen or not") for span in spans]

    segments = resolve_undecided(plan_segments(SOUND, judgement, False, verdicts), False)
    assert [(each.verdict, each.action) for each in segments] == [(Verdict.NO, "keep"), (Verdict.YES, "")]


@pytest.mark.parametrize(
    ("segment", "undecided_is_voice", "action"),
    [
        (Segment(Span(0, 1), Verdict.YES), False, ""),
        (Segment(Span(0, 1), Verdict.NO), False, "keep"),
        (Segment(Span(0, 1), Verdict.UNDECIDED), False, "keep"),
        (Segment(Span(0, 1), Verdict.UNDECIDED), True, ""),
        (Segment(Span(0, 1), Verdict.NO, "remove"), False, "remove"),
        (Segment(Span(0, 1), Verdict.YES, "keep"), True, "keep"),
    ],
)
def test_an_action_wins_over_the_verdict(segment, undecided_is_voice, action):
    assert resolve_undecided((segment,), undecided_is_voice)[0].action == action


def test_an_empty_sound_has_no_segment(detector):
    assert plan_segments(Audio(torch.zeros(1, 0), 16_000), Judgement(Verdict.YES), True) == ()


def test_a_span_that_ends_after_the_clip_is_cut_with_a_word():
    assert plan.spans_past_the_end("0.2-0.4", 1.0) == plan.spans_past_the_end("", 1.0) == ()
    (said,) = plan.spans_past_the_end("0.2-0.4, 0.5-9", 1.0)
    assert "0.50-9.00 s ends after the clip, which has 1.00 s" in said
