"""Tests of lip sync: mouths on screen against the voice that is heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepsound.errors import Cancelled
from deepsound.media.clip import Clip
from deepsound.media.vad import voice_probabilities
from deepsound.reason import lip_sync as lip_sync_module
from deepsound.reason.face_landmarks import crop_of_box, crop_of_landmarks, find_landmarks, mouth_opening
from deepsound.reason.lip_sync import Lips, LipSyncSettings, lip_sync, lips_of
from deepsound.reason.mouth_tracking import Mouths, MouthTrack
from deepsound.reason.person_detection import PersonDetection
from deepsound.reason.rules import RulesReasoner
from deepsound.reason.voice_envelope import VoiceEnvelope, voice_envelope
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Preferences, Span, Verdict
from tests.conftest import write_video
from tests.reason.talking_face import CLOSED, Camera, film, opened, speaking

QUIET = Progress()
SECONDS, FPS = 2.4, 12.5
FACE = (170, 60, 110, 120)


@pytest.fixture(scope="module")
def narration(speech: Callable[..., Audio]) -> Audio:
    return Audio.from_numpy(speech(16_000).numpy()[:, : round(SECONDS * 16_000)], 16_000)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray) -> Callable[[np.ndarray], Clip]:
    """The face with the lower lip at the given pixels in each frame, as a clip; each is filmed once."""
    paths: dict[bytes, Path] = {}

    def make(openings: np.ndarray) -> Clip:
        key = openings.tobytes()
        if key not in paths:
            frames = film(astronaut, openings, FPS, Camera(seed=3))
            paths[key] = tmp_path_factory.mktemp("film") / "clip.mp4"
            write_video(paths[key], size=(640, 360), fps=FPS, seconds=SECONDS, paint=frames.__getitem__)
        return Clip.open(paths[key])

    return make


@pytest.fixture
def unwatched(make_video: Callable[..., Path]) -> Clip:
    return Clip.open(make_video(seconds=SECONDS))


def lips_in_time(audio: Audio) -> np.ndarray:
    """The lower lip of somebody who speaks what is heard."""
    envelope = voice_envelope(audio, voice_probabilities(audio, QUIET))
    times_s = np.arange(round(SECONDS * FPS)) / FPS
    levels = np.interp(times_s, np.arange(len(envelope.levels)) * envelope.window_s, envelope.levels)
    return speaking(levels / levels.max())


def still() -> np.ndarray:
    """A smile that shows the teeth, as in the photograph."""
    return np.zeros(round(SECONDS * FPS))


def test_a_narrator_over_somebody_who_keeps_silent_is_a_voice_over(filmed, narration: Audio) -> None:
    """The paper's table cannot tell: a person is seen and a voice is heard, No2."""
    reasoner = RulesReasoner()
    judgement = reasoner.judge(filmed(still()), narration, QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.YES, "Yes")
    assert judgement.people_times_s and judgement.still_mouth_spans == judgement.voice_spans
    assert "No mouth on screen moves while the voice is heard" in judgement.thought.reasoning
    assert judgement.thought.conclusion == "A. Yes"
    verdicts = reasoner.judge_spans(judgement, judgement.voice_spans, SECONDS)
    assert {verdict for verdict, _ in verdicts} == {Verdict.YES} and "stays still" in verdicts[0][1]


def test_somebody_who_speaks_stays_no2(filmed, narration: Audio) -> None:
    reasoner = RulesReasoner()
    judgement = reasoner.judge(filmed(lips_in_time(narration)), narration, QUIET)
    assert (judgement.verdict, judgement.category, judgement.still_mouth_spans) == (Verdict.NO, "No2", ())
    verdicts = reasoner.judge_spans(judgement, judgement.voice_spans, SECONDS)
    assert {verdict for verdict, _ in verdicts} == {Verdict.NO}


def test_the_published_settings_keep_the_papers_table(
    filmed, narration: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lip_sync_module, "track_mouths", unreachable)
    reasoner = RulesReasoner()
    reasoner.prefer(Preferences(published_parser=True))
    judgement = reasoner.judge(filmed(still()), narration, QUIET)
    assert (judgement.verdict, judgement.category) == (Verdict.NO, "No2")


def unreachable(*_: object, **__: object) -> Mouths:
    raise AssertionError("expected no mouth to be followed")


def test_no_mouth_is_followed_without_a_voice_or_without_a_face(
    filmed, narration: Audio, tornado: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would cost a second decoding pass for nothing."""
    monkeypatch.setattr(lip_sync_module, "track_mouths", unreachable)
    clip, storm = filmed(still()), Clip.open(tornado)
    silence = Audio.from_numpy(np.zeros(16_000), 16_000)
    assert RulesReasoner().judge(clip, silence, QUIET).category == "No3"
    assert RulesReasoner().judge(storm, narration, QUIET).category == "Yes"


def test_another_take_does_not_follow_the_mouths_again(
    filmed, narration: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = filmed(still())
    first = RulesReasoner().judge(clip, narration, QUIET)
    monkeypatch.setattr(lip_sync_module, "track_mouths", unreachable)
    assert RulesReasoner().judge(clip, narration, QUIET) == first


def test_somebody_turned_away_beside_a_silent_face_may_be_speaking(
    filmed, narration: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the shoulder of a speaker, the listener's mouth is still."""
    monkeypatch.setattr(
        lip_sync_module.BodyNetwork, "look", lambda *_: iter([((90.0, 200.0, 80.0), 0.9), ((400.0, 200.0, 90.0), 0.8)])
    )
    assert RulesReasoner().judge(filmed(still()), narration, QUIET).category == "No2"


ENVELOPE = VoiceEnvelope(np.ones(125, np.float32), 0.032)


def test_a_body_near_the_voice_leaves_it_undecided(unwatched: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lip_sync_module, "track_mouths", unreachable)
    people = [PersonDetection(1.0, "face", FACE, 0.9), PersonDetection(2.0, "body", FACE, 0.9)]
    found = lip_sync(unwatched, [Span(0.5, 2.0)], ENVELOPE, people, 0.2)
    assert (found.still_spans, found.pieces) == ((), 0)


def test_a_long_clip_is_looked_at_in_a_few_pieces_that_speak_for_the_rest(
    unwatched: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Span] = []

    def mouths(clip: Clip, piece: Span, progress: Progress) -> Mouths:
        looked.append(piece)
        return measured(np.zeros(10))

    monkeypatch.setattr(lip_sync_module, "_mouths", mouths)
    spans = [Span(at, at + 0.61) for at in (0.0, 0.65, 1.3)] + [Span(2.0, 2.3)]
    people = [PersonDetection(at, "face", FACE, 0.9) for at in np.arange(0.0, 4.0, 0.2)]
    found = lip_sync(unwatched, spans, ENVELOPE, people, 0.2, settings=LipSyncSettings(pieces=2))
    assert (found.looked_at, found.pieces, len(looked)) == (2, 3, 2)
    assert found.still_spans == tuple(spans), "one too short to be measured goes with the rest"


def measured(openings: np.ndarray, unmeasured_s: tuple[float, ...] = (), frames: int = 0) -> Mouths:
    times_s = [number / FPS for number in range(len(openings))]
    every = tuple(number / FPS for number in range(frames or len(openings)))
    return Mouths((MouthTrack(times_s, list(openings)),), every, unmeasured_s)


def test_what_the_lips_do() -> None:
    quiet = np.random.default_rng(0).normal(scale=0.004, size=30)
    speech = 0.05 * np.sin(np.arange(30))
    assert lips_of(measured(quiet)) is Lips.STILL
    assert lips_of(measured(speech)) is Lips.MOVE
    assert lips_of(measured(quiet, unmeasured_s=(0.4,))) is Lips.UNKNOWN, "another face was too small"
    assert lips_of(measured(quiet, frames=60)) is Lips.UNKNOWN, "half of the frames show no mouth"
    assert lips_of(Mouths((), (0.0, 0.1), ())) is Lips.UNKNOWN
    assert lips_of(measured(speech, unmeasured_s=(0.4,))) is Lips.MOVE


def test_a_slow_smile_is_no_speech() -> None:
    assert lips_of(measured(np.linspace(0, 0.08, 75))) is Lips.STILL


def test_a_mouth_correlates_with_its_own_voice_and_not_with_another(narration: Audio) -> None:
    envelope = voice_envelope(narration, voice_probabilities(narration, QUIET))
    times_s = [number / FPS for number in range(round(SECONDS * FPS))]
    own = lips_in_time(narration)
    assert envelope.correlation(MouthTrack(times_s, list(own)), 0.0) > 0.8
    assert envelope.correlation(MouthTrack(times_s, list(np.roll(own, 15))), 0.0) < 0.5
    assert abs(envelope.correlation(MouthTrack(times_s, [0.1] * len(times_s)), 0.0)) < 1e-9
    assert envelope.correlation(MouthTrack(times_s[:3], [0.1, 0.2, 0.1]), 0.0) == 0.0


def as_tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).float().permute(2, 0, 1)


def test_a_mouth_opens_as_far_as_it_was_opened(astronaut: np.ndarray) -> None:
    measured = []
    for lowered in (CLOSED, 0.0, 6.0):
        picture = as_tensor(opened(astronaut, lowered))
        (found,) = find_landmarks(picture, [crop_of_box(FACE)])
        assert found is not None
        measured.append(mouth_opening(found))
    # The eyes' outer corners are about 62 pixels apart, so 6 pixels are a tenth.
    assert 0.03 < measured[1] - measured[0] < 0.15 and 0.05 < measured[2] - measured[1] < 0.15


@pytest.mark.parametrize("angle", [-25, 25])
def test_a_tilted_head_changes_little(astronaut: np.ndarray, angle: int) -> None:
    tilted = np.asarray(Image.fromarray(astronaut).rotate(angle, Image.Resampling.BICUBIC, center=(222, 120)))
    openings = []
    for picture in (astronaut, tilted):
        (first,) = find_landmarks(as_tensor(picture), [crop_of_box(FACE)])
        assert first is not None
        (found,) = find_landmarks(as_tensor(picture), [crop_of_landmarks(first)])
        assert found is not None
        openings.append(mouth_opening(found))
    assert abs(openings[0] - openings[1]) < 0.02


def test_there_are_no_landmarks_where_there_is_no_face(astronaut: np.ndarray) -> None:
    assert find_landmarks(as_tensor(astronaut), [crop_of_box((400, 300, 100, 100))]) == [None]
    assert find_landmarks(as_tensor(astronaut), []) == []


def test_cancel_ends_the_following(unwatched: Clip) -> None:
    token = CancelToken()
    token.cancel()
    people = [PersonDetection(1.0, "face", FACE, 0.9)]
    with pytest.raises(Cancelled):
        lip_sync(unwatched, [Span(0.5, 2.0)], ENVELOPE, people, 0.2, Progress(check=token.check))
