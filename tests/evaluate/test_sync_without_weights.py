"""AV-Align and ImpactSync as metrics: of folders and of one clip, against separate calls."""

import numpy as np
import pytest

from deepsound.evaluate import av_align as script
from deepsound.evaluate import notes
from deepsound.evaluate.av_align import FlowMagnitude, av_align, flow_peaks_s
from deepsound.evaluate.evaluation import EvaluationSettings, evaluate, find_sets
from deepsound.evaluate.impact_sync import impact_sync
from deepsound.evaluate.onsets import onset_times_s
from deepsound.evaluate.single import score_clip
from deepsound.media.clip import Clip
from deepsound.media.motion_impulse import MotionImpulses, impact_times_s
from deepsound.media.wav import write_wav
from deepsound.types import Audio
from tests.conftest import write_video
from tests.generate import scenes
from tests.rank.impacts import hits

BOTH = ("AV-Align", "ImpactSync")
ONLY = EvaluationSettings(duration_s=3.0, only=BOTH)


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    """A rendered ball of 4 s and a sound at its impacts."""
    film = scenes.bouncing_ball(scenes.Look(size=(96, 72), seed=1), 4.0)
    return film.write(tmp_path_factory.mktemp("ball") / "ball.mp4"), hits(film.hits_s, 4.0)


def place(folder, name, sound, video=None):
    folder.mkdir(exist_ok=True)
    write_wav(sound, folder / f"{name}.wav")
    if video is not None:
        (folder / f"{name}.mp4").write_bytes(video.read_bytes())


def separate_calls(video, sound, duration_s):
    """Both scores of the first seconds, from the functions that compute them."""
    clip = Clip.open(video, 0.0, duration_s)
    first = Audio(sound.waveform[:, : round(duration_s * sound.sample_rate)], sound.sample_rate)
    curve = clip.view(FlowMagnitude())
    impacts_s = impact_times_s(clip.view(MotionImpulses()))
    return (
        av_align(onset_times_s(first), flow_peaks_s(curve), curve.fps),
        impact_sync(first, impacts_s, clip.timeline.fps).score,
    )


def test_each_clip_has_the_value_of_separate_calls_and_the_set_their_mean(ball, tmp_path, noise):
    video, sound = ball
    place(tmp_path / "p", "in_step", sound, video)
    place(tmp_path / "p", "noise", noise(4.0, 44100), video)
    report = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache")
    (one,) = report.sets
    rows = {row.name: row.numbers for row in one.rows}
    expected = {"in_step": separate_calls(video, sound, 3.0), "noise": separate_calls(video, noise(4.0, 44100), 3.0)}
    for name, values in expected.items():
        assert [rows[name][metric] for metric in BOTH] == pytest.approx(values, abs=1e-9)
    assert rows["in_step"]["ImpactSync"] >= 0.9 and rows["noise"]["ImpactSync"] == 0.0
    for number, metric in enumerate(BOTH):
        mean = np.mean([values[number] for values in expected.values()])
        assert one.scores[metric].value == pytest.approx(mean) and one.scores[metric].clips == 2
    assert report.computed == {"onsets": 2, "optical_flow": 1, "impacts": 1} and not report.missing
    again = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache")
    assert again.sets == report.sets and not any(again.computed.values())


def test_without_a_video_the_metrics_are_missing_with_the_reason(ball, tmp_path):
    place(tmp_path / "p", "a", ball[1])
    report = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache")
    assert {one.metric: "picture" in one.why for one in report.missing} == dict.fromkeys(BOTH, True)
    assert report.problems == () and report.sets[0].scores == {}


def test_a_clip_without_a_video_is_not_counted_and_the_report_says_so(ball, tmp_path):
    place(tmp_path / "p", "with", ball[1], ball[0])
    place(tmp_path / "p", "without", ball[1])
    report = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache")
    assert [report.sets[0].scores[metric].clips for metric in BOTH] == [1, 1]
    assert any("AV-Align of 1" in note for note in report.notes)
    assert not set(BOTH) & set(report.sets[0].rows[1].numbers)


def test_a_report_says_what_the_flow_costs_without_opencv(ball, tmp_path, monkeypatch):
    place(tmp_path / "p", "with", ball[1], ball[0])
    found = []
    for is_at_hand in (True, False):
        monkeypatch.setattr(notes, "has_opencv_flow", lambda answer=is_at_hand: answer)
        report = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache")
        found.append([note for note in report.notes if "opencv-python-headless" in note])
    assert [len(one) for one in found] == [0, 1]


def test_a_still_and_silent_clip_has_no_av_align_and_no_impact_sync(tmp_path):
    still = np.full((48, 64, 3), 90, np.uint8)
    write_video(tmp_path / "still.mp4", seconds=1.0, paint=lambda index: still)
    silent = Audio.from_numpy(np.zeros((1, 16000)), 16000)
    place(tmp_path / "p", "still", silent, tmp_path / "still.mp4")
    scores = evaluate(find_sets([tmp_path / "p"]), ONLY, cache=tmp_path / "cache").sets[0].scores
    assert scores["AV-Align"].value is None and "no clip has" in scores["AV-Align"].why
    assert scores["ImpactSync"].value == 0.0
    found = score_clip(silent, Clip.open(tmp_path / "still.mp4"))
    assert "AV-Align" not in found.scores and found.scores["ImpactSync"] == 0.0
    assert any(one.metric == "AV-Align" and "neither" in one.why for one in found.missing)


def test_one_clip_s_score_is_that_of_separate_calls_in_one_decoding_pass(ball):
    video, sound = ball
    clip = Clip.open(video)
    found = score_clip(sound, clip, duration_s=3.0)
    assert [found.scores[metric] for metric in BOTH] == pytest.approx(separate_calls(video, sound, 3.0), abs=1e-9)
    assert clip.passes == 1
    assert any(line.startswith("AV-Align: ") for line in found.lines())


def test_the_flow_is_the_same_with_and_without_opencv(ball, monkeypatch):
    pytest.importorskip("cv2", reason="OpenCV, whose flow is compared with, is a development extra")
    fast = Clip.open(ball[0], 0.0, 2.0).view(FlowMagnitude())
    monkeypatch.setattr(script, "find_opencv", lambda *names: None)
    own = Clip.open(ball[0], 0.0, 2.0).view(FlowMagnitude())
    # 1e-3 pixels at each pixel (test_farneback), so at most that in their mean.
    assert np.abs(fast.magnitude - own.magnitude).max() < 1e-3
    assert script.flow_version() == "own flow"
