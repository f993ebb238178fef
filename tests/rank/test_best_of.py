"""Tests of best of N in a run: one take unchanged, several ranked."""

import json

import pytest

from deepsound.cli.main import main
from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.media.audio import decode_audio
from deepsound.pipeline import Pipeline
from deepsound.runtime.progress import CancelToken, Progress


@pytest.fixture(autouse=True)
def fakes_alone(fake_engines, nothing_at_hand):
    """Engines of tests, and nothing of this machine."""


@pytest.fixture
def video(make_video):
    return make_video("clip.mp4", seconds=1.0)


def pipeline():
    return Pipeline("noise", "no", "halving")


def test_one_take_is_bit_for_bit_the_run_without_takes_and_is_not_measured(video, tmp_path, monkeypatch):
    before = pipeline().run(video, tmp_path / "before")
    monkeypatch.setattr("deepsound.rank.ranking.rank_takes", None)
    one = pipeline().run(video, tmp_path / "one", takes=1)
    assert one.final_audio_path.read_bytes() == before.final_audio_path.read_bytes()
    assert one.to_json()["takes"] == []


def test_the_best_of_several_goes_on_and_the_record_has_every_take(video, tmp_path, fake_engines):
    many = pipeline().run(video, tmp_path / "many", takes=3, seed=7)
    record = json.loads(many.result_path.read_text(encoding="utf-8"))
    assert [one.seed for one in fake_engines.requests] == [7, 8, 9]
    assert [take["seed"] for take in record["takes"]] == [7, 8, 9] and record["request"]["seed"] == 7
    (chosen,) = (take for take in record["takes"] if take["chosen"])
    alone = pipeline().run(video, tmp_path / "alone", seed=chosen["seed"])
    assert (decode_audio(many.final_audio_path).numpy() == decode_audio(alone.final_audio_path).numpy()).all()
    assert f"(seed {chosen['seed']})" in next(step["note"] for step in record["steps"] if step["name"] == "generate")


def test_what_is_generated_again_has_the_seed_of_the_best_take(video, tmp_path, fake_engines, monkeypatch):
    monkeypatch.setattr("deepsound.rank.ranking.score_of", lambda figures, pick: next(scores))
    scores = iter([0.1, 0.9])
    Pipeline("noise", "yes", "silencing").run(video, tmp_path / "out", takes=2, fallback="neg")
    assert [one.seed for one in fake_engines.requests] == [42, 43, 43]


def test_a_generator_that_ignores_the_seed_makes_one_take_and_says_so(make_video, noise, tmp_path):
    own = make_video("own.mp4", seconds=1.0, audio=noise(1.0))
    result = Pipeline("source", "no", "halving").run(own, tmp_path / "out", takes=4)
    assert result.to_json()["takes"] == [] and any("same sound for every seed" in one for one in result.outcome.notes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"takes": 0}, "1 to 64, got 0"),
        ({"takes": 65}, "got 65"),
        ({"takes": 2, "seed": 2**64}, "expected a seed from 0 to 18446744073709551615, got 18446744073709551616"),
        ({"takes": 2, "pick": "best"}, "auto, voice, sync, ib"),
    ],
)
def test_numbers_and_picks_of_no_use_are_refused_before_the_work(video, tmp_path, fake_engines, options, said):
    with pytest.raises(InputError, match=said):
        pipeline().run(video, tmp_path / "out", **options)
    assert not fake_engines.requests


def test_picking_by_imagebind_without_its_weights_names_the_command_before_the_work(video, tmp_path, fake_engines):
    with pytest.raises(EngineError, match="deepsound models download metrics/imagebind"):
        pipeline().run(video, tmp_path / "out", takes=2, pick="ib")
    assert not fake_engines.requests


def test_a_run_of_many_takes_is_cancelled_between_two_and_leaves_nothing(video, tmp_path, fake_engines):
    token = CancelToken()

    def stop(event):
        if len(fake_engines.requests) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        pipeline().run(video, tmp_path / "out", takes=64, progress=Progress(stop, token.check))
    assert len(fake_engines.requests) == 3 and not list((tmp_path / "out").iterdir())


def test_the_command_line_makes_takes_and_picks(video, tmp_path):
    out = tmp_path / "out"
    assert main(["run", str(video), "-o", str(out), "--pick", "sync"]) == 2
    arguments = ["--generator", "noise", "--reasoner", "no", "--separator", "halving", "--quiet"]
    assert main(["run", str(video), "-o", str(out), *arguments, "--takes", "2", "--pick", "sync"]) == 0
    assert len(json.loads((out / "clip.result.json").read_text(encoding="utf-8"))["takes"]) == 2
    assert (
        main(["batch", str(video.parent), "-o", str(tmp_path / "many"), *arguments, "--takes", "2", "--pick", "auto"])
        == 0
    )
    assert len(json.loads((tmp_path / "many" / "clip.result.json").read_text(encoding="utf-8"))["takes"]) == 2
