"""The voice decision in place of a judge, the depth of the removal, and kept ambience."""

import json

import numpy as np
import pytest

from deepsound import Pipeline
from deepsound.batch.clips import Job
from deepsound.batch.table import Table
from deepsound.errors import InputError
from deepsound.media.clip import Clip
from tests import fakes


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video())


@pytest.fixture
def never_judging(monkeypatch):
    def judge(self, clip, audio, progress):
        raise AssertionError("a judge was asked")

    for reasoner in (fakes.YesReasoner, fakes.NoReasoner):
        monkeypatch.setattr(reasoner, "judge", judge)


def run(clip, reasoner="yes", **options):
    return Pipeline("noise", reasoner, "halving").run_in_memory(clip, scope="clip", **options)


@pytest.mark.parametrize(
    ("decision", "reasoner", "final_from"), [("always", "no", "background"), ("never", "yes", "coarse")]
)
def test_a_voice_decision_stands_in_for_the_judge_and_is_noted(clip, never_judging, decision, reasoner, final_from):
    outcome = run(clip, reasoner, voice_decision=decision)
    assert outcome.final_from == final_from and outcome.voice_decision == decision
    assert outcome.is_voice_over == (decision == "always")
    assert any(decision in note and "no judge" in note for note in outcome.notes)


def test_never_beats_a_span_list_and_says_so(clip):
    outcome = run(clip, voice_decision="never", spans="0.2-0.6")
    assert outcome.final_from == "coarse" and outcome.stems is None
    assert any("span list is not used" in note for note in outcome.notes)


def test_a_voice_decision_that_does_not_exist_is_refused(clip):
    with pytest.raises(InputError, match="voice_decision is 'maybe'; choose one of: auto, always, never"):
        run(clip, voice_decision="maybe")


def test_a_depth_in_db_leaves_that_much_of_the_voice_and_the_stems_still_add_up(clip):
    all_gone, lower = run(clip), run(clip, removal_db=20.0)
    voice, left = all_gone.stems.voice.numpy(), lower.stems.background.numpy() - all_gone.stems.background.numpy()
    np.testing.assert_allclose(left, voice * 0.1, atol=1e-6)
    np.testing.assert_allclose(
        lower.stems.voice.numpy() + lower.stems.background.numpy(), lower.coarse.numpy(), atol=1e-6
    )
    assert lower.final is lower.stems.background and lower.removal_db == 20.0
    assert any("voice 20 dB lower" in step.note for step in lower.steps)


@pytest.mark.parametrize("depth", [-1.0, 101.0, float("nan"), "much"])
def test_a_depth_that_is_none_is_refused_before_the_work(clip, depth, fake_engines):
    with pytest.raises(InputError, match="removal_db"):
        run(clip, removal_db=depth)
    assert fake_engines.requests == []


def test_the_record_says_decision_depth_and_ambience(make_video, tmp_path):
    result = Pipeline("noise", "no", "halving").run(
        make_video(), tmp_path / "out", voice_decision="always", removal_db=12.0, keep_ambience=True
    )
    record = json.loads(result.result_path.read_text())
    assert (record["voice_decision"], record["removal_db"], record["keep_ambience"]) == ("always", 12.0, True)


def test_a_table_of_clips_has_columns_for_decision_and_depth(tmp_path):
    (tmp_path / "clips.csv").write_text("video,voice_decision,removal_db\na.mp4,never,\nb.mp4,always,12\n")
    jobs = [entry for entry in Table(tmp_path / "clips.csv").entries() if isinstance(entry, Job)]
    assert [dict(job.overrides) for job in jobs] == [
        {"voice_decision": "never"},
        {"voice_decision": "always", "removal_db": 12.0},
    ]
