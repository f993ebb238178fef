"""Tests of the embedded reasoner `rules`."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from deepsound import engines
from deepsound.errors import Cancelled, InputError
from deepsound.media.clip import Clip
from deepsound.reason.cot import TABLE, Category, Evidence, write_cot
from deepsound.reason.plan import STEPS
from deepsound.reason.rules import RulesReasoner
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest, Judgement, Span, Verdict

QUIET = Progress()


@pytest.fixture
def face_clip(make_video, astronaut: np.ndarray) -> Clip:
    """Two seconds in which the photograph drifts through the picture."""

    def paint(index: int) -> np.ndarray:
        picture = np.full((360, 640, 3), 90, np.uint8)
        picture[:, 40 + index : 400 + index] = astronaut[60:420, 60:420]
        return picture

    return Clip.open(make_video("face.mp4", size=(640, 360), fps=10, seconds=2.0, paint=paint))


@pytest.fixture
def storm_clip(tornado: Path) -> Clip:
    return Clip.open(tornado)


def test_yes_narration_over_a_storm(storm_clip, storm, speech, mixed) -> None:
    judgement = RulesReasoner().judge(storm_clip, mixed(storm, speech(44100), 0.0), QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.YES, "Yes")
    assert judgement.voice_spans and not judgement.people_times_s
    assert judgement.thought.conclusion == "A. Yes"
    assert judgement.thought.caption.endswith(
        "The video shows there are no people in the video. There is the sound of people in the audio."
    )
    assert judgement.thought.reasoning == (
        "There are no people in the video. There is the sound of people in the audio. "
        "I detect that the audio contains a voice-over."
    )


def test_no1_a_storm_alone(storm_clip, storm) -> None:
    judgement = RulesReasoner().judge(storm_clip, storm, QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.NO, "No1")
    assert judgement.voice_spans == () and judgement.people_times_s == ()
    assert judgement.thought.conclusion == "B. No"


def test_no2_a_person_who_may_be_speaking(face_clip, speech) -> None:
    judgement = RulesReasoner().judge(face_clip, speech(48000), QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.NO, "No2")
    assert len(judgement.people_times_s) >= 12
    assert f"{judgement.people_times_s[0]:.2f} s" in judgement.thought.caption
    assert str(judgement.voice_spans[0]) in judgement.thought.caption
    assert "does not contain a voice-over" in judgement.thought.reasoning


def test_no3_a_person_and_no_voice(face_clip, storm) -> None:
    judgement = RulesReasoner().judge(face_clip, storm, QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.NO, "No3")


def test_sections_are_said_as_they_are_written(storm_clip, storm) -> None:
    said: list[str] = []
    progress = Progress(on_event=lambda event: None if event.is_note else said.append(event.text))
    judgement = RulesReasoner().judge(storm_clip, storm, progress)
    written = [text for text in said if text]
    assert [text.split(">")[0] for text in written] == ["<SUMMARY", "<CAPTION", "<REASONING", "<CONCLUSION"]
    assert judgement.raw == judgement.thought.tagged() == "\n".join(written)


def test_the_plan_is_the_published_one(storm_clip) -> None:
    said: list[str] = []
    plan = RulesReasoner().plan(storm_clip, Progress(on_event=lambda event: said.append(event.text)))
    assert plan.steps == STEPS == tuple(said)
    assert plan.raw == (
        "Step1: Generate audio from video.\n"
        "Step2: Given a video and its generated audio, determine whether the audio contains voice-over.\n"
        "Step3: Remove voice-over from audio.\n"
        "Step4: Determine whether the audio is silent."
    )


def test_one_decoding_pass_serves_the_judge(storm_clip, storm) -> None:
    reasoner = engines.reasoner("rules")
    assert isinstance(reasoner, RulesReasoner)
    storm_clip.expect(*engines.views(reasoner))
    first = reasoner.judge(storm_clip, storm, QUIET)
    assert storm_clip.passes == 1
    assert reasoner.judge(storm_clip, storm, QUIET) == first and storm_clip.passes == 1


def test_without_a_voice_only_a_quarter_of_the_frames_is_looked_at(face_clip, storm) -> None:
    judgement = RulesReasoner().judge(face_clip, storm, QUIET)
    assert len(judgement.people_times_s) == 4 and "in 4 of 4 frames" in judgement.thought.caption


def test_progress_only_grows(storm_clip, storm, speech, mixed) -> None:
    shares: list[float] = []
    RulesReasoner().judge(
        storm_clip,
        mixed(storm, speech(44100), 0.0),
        Progress(on_event=lambda event: shares.append(event.fraction) if event.fraction is not None else None),
    )
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 16


def test_bad_sound_and_cancel_end_the_judging(face_clip) -> None:
    with pytest.raises(InputError):
        RulesReasoner().judge(face_clip, Audio.from_numpy(np.full((1, 8000), np.nan), 8000), QUIET)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        RulesReasoner().judge(face_clip, Audio.from_numpy(np.zeros(8000), 8000), Progress(check=token.check))


def test_silence_and_no_sound_at_all_are_no_voice_over(storm_clip) -> None:
    for samples in (0, 1, 160000):
        judgement: Judgement = RulesReasoner().judge(storm_clip, Audio.from_numpy(np.zeros(samples), 16000), QUIET)
        assert judgement.category == "No1"


def test_the_table_is_complete_and_only_one_case_is_a_voice_over() -> None:
    assert set(TABLE.values()) == set(Category) and len(TABLE) == 4
    yes = [case for case in TABLE if Evidence(1, (0.0,) * case[0], 1.0, (Span(0, 1),) * case[1]).verdict is Verdict.YES]
    assert yes == [(False, True)]


def test_an_hour_of_speech_is_told_in_a_few_words() -> None:
    spans = tuple(Span(float(at), at + 0.5) for at in range(3600))
    thought = write_cot(Evidence(16, (), 3600.0, spans))
    assert "and 3588 more" in thought.caption and len(thought.caption) < 800


def test_the_draft_of_a_test_picture_is_no_voice_over(make_video) -> None:
    """Its whooshes were: 0.55 of 2 seconds, which the run then removed."""
    graph = av.filter.Graph()
    source, sink = graph.add("testsrc2", "size=160x120:rate=25"), graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    pictures = [graph.pull().to_ndarray(format="rgb24") for _ in range(50)]
    path = make_video(size=(160, 120), fps=25, seconds=2.0, paint=pictures.__getitem__)
    sound = engines.generator("draft").generate(Clip.open(path), GenerationRequest(seed=42), QUIET)
    judgement = RulesReasoner().judge(Clip.open(path), sound, QUIET)
    assert (judgement.verdict, judgement.voice_spans) == (Verdict.NO, ())
