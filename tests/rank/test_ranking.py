"""Best of N: who wins, who never does, and what each network is asked."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.evaluate.impact_sync import ImpactSync
from deepsound.media.clip import Clip
from deepsound.rank.limits import MOST_TAKES
from deepsound.rank.measurements import TakeFigures
from deepsound.rank.ranking import rank_takes, score_of
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio
from tests.evaluate import fakes
from tests.generate import scenes
from tests.rank.impacts import RATE, hits

SHIFTS_S = (0.35, 0.1, 0.0, -0.2)


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path):
    for variable in ("DEEPSOUND_HOME", "HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "COMFYUI_PATH", "DEEPSOUND_PROJECTS"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    feature_cache().clear()


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    film = scenes.bouncing_ball(scenes.Look(size=(192, 144), seed=1), 5.0)
    return film, film.write(tmp_path_factory.mktemp("ball") / "ball.mp4")


@pytest.fixture(scope="module")
def clip(ball):
    """The ball's clip, which remembers what was seen of its pictures."""
    return Clip.open(ball[1])


@pytest.fixture
def unseen(ball):
    return Clip.open(ball[1])


@pytest.fixture
def track(ball):
    """track(shift): the ball's impacts, that much too late."""
    return lambda shift_s=0.0, level=0.5: hits([time_s + shift_s for time_s in ball[0].hits_s], 5.0, level)


def silence(duration_s=5.0):
    return Audio.from_numpy(np.zeros((1, round(duration_s * RATE))), RATE)


def test_of_shifted_copies_the_one_in_step_wins_and_the_picture_is_decoded_once(unseen, track):
    found = rank_takes([track(shift) for shift in SHIFTS_S], unseen)
    assert found.best == 2 and unseen.passes == 1
    assert found.takes[2].figures.sync.score >= 0.9
    assert [one["best"] for one in found.records()] == [False, False, True, False]
    json.dumps(found.records(), allow_nan=False)
    assert found.table().splitlines()[3].startswith("*")


def test_a_take_with_pasted_speech_never_wins(clip, track, speech, mixed):
    spoken = mixed(track(), speech(RATE), 0.0)
    found = rank_takes([spoken, track(0.35)], clip)
    assert found.takes[0].figures.voice_rate > 0 and found.takes[1].figures.voice_rate == 0
    assert found.best == 1
    assert rank_takes([spoken, track(0.35)], clip, "voice").best == 1
    assert rank_takes([spoken, spoken], clip).best == 0


@pytest.mark.parametrize("pick", ["auto", "voice", "sync"])
def test_silence_and_what_nobody_hears_never_win(clip, track, pick):
    faint = track(level=1e-4)
    faint = replace(faint, waveform=faint.waveform * 1e-2)
    found = rank_takes([silence(), faint, track(0.35)], clip, pick)
    assert found.best == 2 and [take.score for take in found.takes[:2]] == [-1.0, -1.0]
    assert rank_takes([silence(), silence()], clip, pick).best == 0


def test_a_worse_take_that_is_added_never_changes_the_winner(clip, track):
    takes = [track(0.1), track(), track(0.35)]
    winner = rank_takes(takes, clip)
    for worse in (silence(), track(0.2), hits([], 5.0, bed=0.1), hits([0.1], 0.2), hits([1.0], 9.0)):
        for place in (0, 3):
            more = rank_takes([*takes[:place], worse, *takes[place:]], clip)
            kept = [take for number, take in enumerate(more.takes) if number != place]
            assert [take.score for take in kept] == [take.score for take in winner.takes]
            assert more.best == winner.best + (place == 0)


def test_a_tie_goes_to_the_lowest_seed(clip, track):
    assert rank_takes([track(), track(), track()], clip).best == 0
    assert rank_takes([track(), track(), track()], clip, seeds=[9, 3, 5]).best == 1


def test_takes_of_unknown_seeds_show_none(clip, track):
    """Best Take cannot see the seeds of a batch: it listed them as 0, 1, ..., which made other sounds."""
    ranking = rank_takes([track(), track()], clip)
    assert [take["seed"] for take in ranking.records()] == [None, None] and ranking.best == 0
    assert "seed" not in ranking.table() and ranking.table().splitlines()[0].split()[:2] == ["take", "score"]


def test_takes_of_unequal_length_and_rate_are_ranked(clip, track, noise):
    empty = Audio.from_numpy(np.zeros((2, 0)), 16000)
    found = rank_takes([noise(0.1, 8000, 6), empty, track(), noise(30.0, 16000, 2)], clip)
    assert found.best == 2 and found.takes[1].score == -1.0


def test_as_many_takes_as_there_may_be(clip, track):
    many = [track(0.35)] * 40 + [track()] + [track(0.1)] * (MOST_TAKES - 41)
    assert rank_takes(many, clip).best == 40
    with pytest.raises(InputError, match="got 65"):
        rank_takes([track()] * (MOST_TAKES + 1), clip)
    with pytest.raises(InputError, match="got 0"):
        rank_takes([], clip)


def test_an_unknown_pick_and_imagebind_without_weights_are_refused_before_the_work(unseen, track):
    with pytest.raises(InputError, match="auto, voice, sync, ib"):
        rank_takes([track()], unseen, "best")
    with pytest.raises(EngineError, match="deepsound models download metrics/imagebind"):
        rank_takes([track()], unseen, "ib")
    assert unseen.passes == 0


def test_each_network_sees_the_picture_once_and_each_take_once(clip, track, monkeypatch):
    counted = fakes.use(monkeypatch)
    rank_takes([track(shift) for shift in SHIFTS_S], clip)
    assert counted.seen == {
        "imagebind_video": 1,
        "imagebind_audio": 4,
        "synchformer_video": 1,
        "synchformer_audio": 4,
        "synchformer_offset": 4,
    }
    rank_takes([*(track(shift) for shift in SHIFTS_S), track(0.5)], clip)
    assert counted.seen["synchformer_video"] == 1 and counted.seen["synchformer_audio"] == 5


def test_damaged_weights_leave_the_ranking_to_what_needs_none(clip, track, monkeypatch):
    counted = fakes.use(monkeypatch)
    monkeypatch.setattr(counted, "broken", {"synchformer_audio"})
    found = rank_takes([track(0.35), track()], clip)
    assert found.best == 1 and "damaged" in found.notes[0] and "visible impacts" in found.sync_by


def test_ranking_is_cancelled_at_once(clip, track):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        rank_takes([track()], clip, progress=Progress(check=token.check))


def figures(voice=0.0, pairs=0, ib=0.0, desync=None):
    return TakeFigures(-20.0, False, voice, ImpactSync(100, 100, pairs), desync_s=desync, ib=ib)


def test_voice_outweighs_sync_and_sync_outweighs_meaning():
    free, spoken = figures(), figures(voice=0.001, pairs=100, ib=100)
    assert score_of(free) > score_of(spoken) > score_of(figures(voice=0.06, pairs=100, ib=100)) > 0
    # 60 pairs of 140 different peaks are 0.43, 61 of 139 are 0.44.
    assert score_of(figures(pairs=61)) > score_of(figures(pairs=60, ib=100)) > score_of(figures(pairs=60, ib=99))
    assert score_of(figures(desync=0.4)) > score_of(figures(desync=0.5, ib=100))
    assert score_of(figures(ib=100, pairs=100)) == pytest.approx(1.0)
    assert score_of(figures(voice=1.0)) == 0.0
