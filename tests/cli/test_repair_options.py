"""Spans, takes and windows on the command line: nonsense is refused in one sentence."""

from __future__ import annotations

import json

import pytest

from deepsound.cli.main import main

FLAGS = ["--generator", "noise", "--reasoner", "yes", "--separator", "halving"]


@pytest.fixture
def video(make_video):
    return make_video(seconds=1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--spans", "0.5-0.2"], "expected an end after its start"),
        (["--spans", "[[-1, 0.5]]"], "starts at -1 s"),
        (["--spans", "3-4"], "starts at 3 s; the clip has 0 to 1 s"),
        (["--spans", "the rain"], "expected START-END in seconds"),
        (["--spans", "{}"], "expected a number of seconds"),
        (["--spans", json.dumps([[0.1, 0.2]] * 10_001)], "10,001 entries"),
        (["--spans", "nowhere.json"], "nowhere.json"),
        (["--takes", "0"], "got 0"),
        (["--takes", "65"], "got 65"),
        (["--takes", "2", "--pick", "loudest"], "loudest"),
        (["--window", "-1"], "--window"),
        (["--window", "1e9"], "--window"),
        (["--window", "nan"], "--window"),
    ],
)
def test_what_cannot_be_is_refused_in_words_before_the_work(video, fake_engines, tmp_path, capsys, arguments, said):
    code = exit_code([str(video), "-o", str(tmp_path / "out"), *FLAGS, *arguments])
    assert code == 2 and said in capsys.readouterr().err
    assert fake_engines.requests == [] and not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("spans", "left"),
    [
        ("0.6-0.8, 0.1-0.3", [[0.1, 0.3], [0.6, 0.8]]),
        ("0.1-0.4, 0.3-0.6", [[0.1, 0.6]]),
        ("0.5-9", [[0.5, 1.0]]),
        (json.dumps([[at / 10_000, at / 10_000 + 0.00005] for at in range(10_000)]), None),
    ],
)
def test_unordered_overlapping_overhanging_and_very_many_spans_are_repaired(
    video, fake_engines, tmp_path, capsys, spans, left
):
    assert (
        exit_code([str(video), "-o", str(tmp_path / "out"), *FLAGS, "--spans", spans, "--json", "--fallback", "rep"])
        == 0
    )
    segments = json.loads(capsys.readouterr().out)["segments"]
    found = [[round(each["start_s"], 4), round(each["end_s"], 4)] for each in segments]
    assert found == left if left else len(found) == 10_000


def exit_code(arguments):
    try:
        return main(["run", *arguments])
    except SystemExit as stopped:
        return stopped.code


def test_a_span_past_the_end_is_said_before_the_work(clip, tmp_path, capsys):
    status = main(["run", str(clip), "--generator", "source", "--spans", "0.5-9", "-o", str(tmp_path / "out")])
    assert status == 0
    told = capsys.readouterr().err
    assert told.index("is cut to that") < told.index("0 plan")
