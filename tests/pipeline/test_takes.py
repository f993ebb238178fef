"""Tests of takes: consecutive seeds, numbered names, a verdict each."""

import json

import pytest

from deepsound import Pipeline, preparation
from deepsound.cli.main import main
from deepsound.dry_run import dry_run
from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.runtime.progress import Progress
from deepsound.takes import run_takes
from tests import fakes


@pytest.fixture
def clip(make_video):
    return make_video("clips/clip.mp4", seconds=0.5)


def test_every_take_has_its_seed_its_files_and_its_verdict(clip, tmp_path):
    out, seen = tmp_path / "out", []
    results = run_takes(Pipeline("noise", "yes", "halving"), clip, out, 3, seed=5, done=seen.append)
    assert [request.seed for request in fakes.Generator.requests] == [5, 6, 7]
    assert tuple(seen) == results
    for number, result in enumerate(results, 1):
        record = json.loads((out / f"clip.take{number}.result.json").read_text())
        assert (record["request"]["seed"], record["verdict"]) == (4 + number, "yes")
        assert (out / f"clip.take{number}.mp4").is_file() and result.final_audio_path.name == f"clip.take{number}.wav"


def test_equal_takes_of_a_generator_that_knows_no_seed_are_said(make_video, tone, tmp_path):
    video, noted = make_video("loud.mp4", audio=tone(0.5)), []
    progress = Progress(lambda event: noted.append(event.text) if event.is_note else None)
    run_takes(Pipeline("source", "rules", "spectral"), video, tmp_path / "same", 3, progress=progress)
    assert noted.count("This generator makes the same sound for every seed, so that the takes are equal.") == 1
    noted.clear()
    run_takes(Pipeline("noise", "no", "halving"), video, tmp_path / "other", 2, progress=progress)
    assert not any("same sound" in note for note in noted)


def test_takes_decode_the_picture_once_and_look_at_the_packets_once(make_video, tmp_path, monkeypatch):
    passes, plans = [], []
    decode, plan = Clip._decode, preparation.plan_mux
    monkeypatch.setattr(Clip, "_decode", lambda clip, *rest: passes.append(clip) or decode(clip, *rest))
    monkeypatch.setattr(preparation, "plan_mux", lambda *given, **more: plans.append(given) or plan(*given, **more))
    video = make_video("longer.mp4", seconds=1.0)
    takes = run_takes(Pipeline("draft", "rules", "halving"), video, tmp_path / "out", 3, seed=5, duration_s=0.6)
    assert len(passes) == len(plans) == 1
    alone = Pipeline("draft", "rules", "halving").run(video, tmp_path / "alone", seed=6, duration_s=0.6)
    assert takes[1].final_audio_path.read_bytes() == alone.final_audio_path.read_bytes()


def test_the_dry_run_of_takes_looks_at_the_packets_once(clip, tmp_path, monkeypatch):
    plans, plan = [], preparation.plan_mux
    monkeypatch.setattr(preparation, "plan_mux", lambda *given, **more: plans.append(given) or plan(*given, **more))
    dry_run(Pipeline("noise", "no", "halving"), clip, tmp_path / "out", takes=3)
    assert len(plans) == 1


def test_one_take_is_the_run_as_it_is_without_takes(clip, tmp_path):
    pipeline = Pipeline("noise", "yes", "halving")
    (one,) = run_takes(pipeline, clip, tmp_path / "takes", 1, seed=3)
    plain = pipeline.run(clip, tmp_path / "plain", seed=3)
    assert {path.name for path in (tmp_path / "takes").iterdir()} == {
        path.name for path in (tmp_path / "plain").iterdir()
    }
    assert one.final_audio_path.read_bytes() == plain.final_audio_path.read_bytes()


def test_a_template_with_the_seed_tells_takes_apart_already(clip, tmp_path):
    run_takes(Pipeline("noise", "no", "halving"), clip, tmp_path / "out", 2, seed=1, output_template="{stem}-{seed}")
    assert {path.name for path in (tmp_path / "out").glob("*.mp4")} == {"clip-1.mp4", "clip-2.mp4"}


@pytest.mark.parametrize("count", [0, -1, 65])
def test_a_number_of_takes_that_is_none_is_refused_before_any_work(clip, tmp_path, count):
    with pytest.raises(InputError, match=f"expected 1 to 64 takes, got {count}"):
        run_takes(Pipeline("noise", "no", "halving"), clip, tmp_path / "out", count)
    assert not fakes.Generator.requests


def test_the_command_line_judges_every_take_and_shows_them_side_by_side(clip, tmp_path, capsys):
    flags = ["--generator", "noise", "--reasoner", "yes", "--separator", "halving", "--takes", "2", "--json"]
    assert main(["run", str(clip), *flags, "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert [record["request"]["seed"] for record in json.loads(printed.out)] == [42, 43]
    assert "seed 42: voice-over yes, background final" in printed.err


def test_a_batch_makes_takes_of_every_clip_and_does_not_make_them_twice(clip, tmp_path, capsys):
    flags = ["--generator", "noise", "--reasoner", "yes", "--separator", "halving", "--takes", "2", "--quiet"]
    command = ["batch", str(clip.parent), *flags, "--out", str(tmp_path / "out")]
    assert main(command) == 0
    record = json.loads((tmp_path / "out" / "clip.batch.json").read_text())
    assert {"clip.take1.mp4", "clip.take2.mp4"} <= set(record["files"])
    assert [take["verdict"] for take in record["told"]["takes"]] == ["yes", "yes"]
    assert main(command) == 0
    assert len(fakes.Generator.requests) == 2
