"""Tests of `--judge-concurrency`: clips wait for a server while others are generated."""

from __future__ import annotations

import json
import threading
import time

import pytest

from deepsound.cli.main import main
from deepsound.errors import Cancelled
from deepsound.runtime.progress import CancelToken
from deepsound.runtime.turns import Turns, waiting_for_server
from tests.reason.server.fake_judge import ANSWER, FakeJudge
from tests.waiting import LIMIT_S

FLAGS = ["--generator", "noise", "--separator", "halving", "--skip_final_video", "--quiet"]
CLIPS = 5


@pytest.fixture
def clips(make_video, tmp_path):
    (tmp_path / "clips").mkdir()
    for number in range(CLIPS):
        make_video(f"clips/{number}.mp4", fps=5, seconds=1.0)
    return tmp_path / "clips"


def gathers(count):
    """Answers once `count` requests are there together, or it becomes clear that they never are."""
    barrier = threading.Barrier(count)

    def behave(handler, body):
        try:
            barrier.wait(LIMIT_S)
        except threading.BrokenBarrierError:
            handler.answer(400, b"not together")
        else:
            handler.complete(json.dumps(ANSWER))

    return behave


def test_clips_wait_together_and_are_all_done(clips, fake_engines, tmp_path, monkeypatch):
    more = ["--reasoner", "server", "--judge-concurrency", str(CLIPS), "--out", str(tmp_path / "out"), "--json"]
    with FakeJudge(gathers(CLIPS)) as judge:
        monkeypatch.setenv("DEEPSOUND_SERVER_URL", judge.url)
        assert main(["batch", str(clips), *FLAGS, *more]) == 0
    assert judge.most_at_once == CLIPS and len(list((tmp_path / "out").glob("*.batch.json"))) == CLIPS


def test_no_more_than_so_many_wait(clips, fake_engines, tmp_path, monkeypatch):
    def slow(handler, body):
        time.sleep(0.1)
        handler.complete(json.dumps(ANSWER))

    more = ["--reasoner", "rules+server", "--judge_concurrency", "2", "--out", str(tmp_path / "out")]
    with FakeJudge(slow) as judge:
        monkeypatch.setenv("DEEPSOUND_SERVER_URL", judge.url)
        assert main(["batch", str(clips), *FLAGS, *more]) == 0
    assert len(judge.bodies) == CLIPS and judge.most_at_once <= 2


def test_a_dead_server_ends_the_batch_with_its_reason(clips, fake_engines, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPSOUND_SERVER_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("DEEPSOUND_SERVER_RETRIES", "0")
    more = ["--reasoner", "server", "--judge-concurrency", "3", "--out", str(tmp_path / "out")]
    assert main(["batch", str(clips), *FLAGS, *more]) == 4
    assert "failed alike" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reasoner", "count", "message"),
    [("rules", "2", "got 'rules', which computes here"), ("server", "0", "expected 1 to 256, got 0")],
)
def test_it_is_for_reasoners_on_servers(clips, tmp_path, capsys, reasoner, count, message):
    more = ["--reasoner", reasoner, "--judge-concurrency", count, "--out", str(tmp_path / "out")]
    assert main(["batch", str(clips), *FLAGS[-2:], *more]) == 2
    assert message in capsys.readouterr().err


def test_one_thread_computes_at_a_time_and_a_cancelled_one_does_not_take_its_turn_again():
    turns, token = Turns(1), CancelToken()
    with turns.turn(token.check):
        assert turns.computing.locked()
        with waiting_for_server(token.check):
            assert not turns.computing.locked()
        assert turns.computing.locked()
        with pytest.raises(Cancelled), waiting_for_server(token.check):
            raise Cancelled
        assert not turns.computing.locked()
    assert not turns.computing.locked()
    with turns.turn(token.check):
        token.cancel()
        waiting = []

        def other():
            try:
                with turns.turn(token.check):
                    waiting.append("computed")
            except Cancelled:
                waiting.append("cancelled")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(LIMIT_S)
        assert waiting == ["cancelled"]
