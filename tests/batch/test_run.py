"""Tests of a batch from listing to summary: resumed, retried, stopped, on a full disk."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deepsound.batch.clips import Shard
from deepsound.batch.records import Record
from deepsound.batch.run import InProcess
from deepsound.batch.sources import open_source
from deepsound.batch.summary import summarise
from deepsound.cli.main import main
from deepsound.errors import Cancelled, EngineError
from deepsound.runtime.progress import CancelToken, Progress
from tests import fakes
from tests.processes import start


@pytest.fixture
def folder_of(clips, tmp_path):
    return lambda *names: open_source(clips(*names), tmp_path / "out")


def rows_of(path):
    with path.open(newline="") as file:
        return {row["clip"]: row for row in csv.DictReader(file)}


def test_every_clip_is_done_and_told(folder_of, batch, tmp_path):
    source = folder_of("a.mp4", "b.mp4", "b.mkv.mp4", "inner/a.mp4")
    (tmp_path / "clips" / "notes.txt").touch()
    made = batch(source)
    tally = made.run()
    assert (tally.total, tally.done, tally.failed, tally.refused) == (4, 4, 0, 1)
    for stem in ("a", "b", "b.mkv", "inner/a"):
        assert json.loads((tmp_path / "out" / f"{stem}.result.json").read_text())["engines"]["generator"]["name"]
        assert Record.read(tmp_path / "out" / f"{stem}.batch.json").status == "done"
    summary = summarise(made)
    assert summary.complete and (summary.clips, summary.done, summary.not_videos) == (4, 4, 1)
    assert summary.verdicts == {"no": 4} and summary.final_from == {"coarse": 4}
    assert set(summary.step_seconds) == {"plan", "generate", "judge"}
    rows = rows_of(tmp_path / "out" / "summary.csv")
    assert rows["inner/a.mp4"]["record"] == "inner/a.batch.json" and rows["notes.txt"]["status"] == "not a video"
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["done"] == 4


def test_what_is_done_is_passed_over_and_what_is_not_is_done(folder_of, batch, settings, tmp_path):
    source, out = folder_of("a.mp4", "b.mp4", "c.mp4", "d.mp4"), tmp_path / "out"
    batch(source).run()
    assert len(fakes.Generator.requests) == 4
    (out / "a.batch.json").unlink()  # killed before the end
    (out / "b.wav").unlink()  # a result went missing
    (out / "c.batch.json").write_text('{"status": ')  # a record that cannot be read
    again = batch(source)
    assert (again.run().done, again.tally.already) == (3, 1)
    assert [label for label, status in again.listener.reports if status == "already"] == ["d.mp4"]
    assert batch(source).run().already == 4
    os.utime(tmp_path / "clips" / "d.mp4", ns=(1, 1))
    assert batch(source).run().done == 1
    assert batch(source, settings(seed=7)).run().done == 4


def test_a_picture_or_stem_that_went_missing_is_made_again(folder_of, batch, settings, tmp_path):
    source, out = folder_of("a.mp4"), tmp_path / "out"
    asked = replace(settings(stems=True), pictures=True)
    assert batch(source, asked).run().done == 1
    made = {path.name for path in out.glob("a*")} - {"a.batch.json"}
    assert made == {*Record.read(out / "a.batch.json").files}
    assert {Path(name).suffix for name in made} == {".wav", ".png", ".json"}
    for gone in (min(out.glob("a*.png")), min(out.glob("a.0*.wav"))):
        gone.unlink()
        assert batch(source, asked).run().done == 1
        assert gone.is_file()
    assert batch(source, asked).run().already == 1


def test_a_record_is_gone_while_its_clip_is_worked_on(folder_of, batch, settings, tmp_path, monkeypatch):
    source = folder_of("a.mp4")
    batch(source).run()

    def look(self, *arguments):
        assert not (tmp_path / "out" / "a.batch.json").exists()
        return original(self, *arguments)

    original = fakes.Generator.generate
    monkeypatch.setattr(fakes.Generator, "generate", look)
    assert batch(source, settings(seed=1)).run().done == 1


def test_where_networks_run_does_not_undo_what_is_done(folder_of, batch, settings):
    from deepsound.runtime.execution import Execution

    source = folder_of("a.mp4")
    batch(source).run()
    moved = settings()
    moved.engines["execution"] = Execution(device="cuda:3", offload=True, download=True)
    first = moved.fingerprint(next(source.entries()))
    moved.engines["execution"] = Execution()
    assert moved.fingerprint(next(source.entries())) == first
    moved.engines["execution"] = Execution(precision="bf16")
    assert moved.fingerprint(next(source.entries())) != first


def test_a_table_s_row_decides_before_the_batch(clips, batch, settings, tmp_path):
    clips("a.mp4", "b.mp4")
    table = tmp_path / "clips" / "list.csv"
    table.write_text("video,prompt,seed\na.mp4,rain,3\nb.mp4,,\nmissing.mp4,,\nb.mp4,,x\n")
    made = batch(open_source(table, tmp_path / "out"), settings(prompt="wind", seed=5))
    made.run()
    assert [(request.prompt, request.seed) for request in fakes.Generator.requests] == [("rain", 3), ("wind", 5)]
    summary = summarise(made)
    assert (summary.done, summary.failed, summary.refused) == (2, 1, 1) and not summary.complete
    assert {failure["status"] for failure in summary.failures} == {"failed", "refused"}


def test_a_failure_is_tried_once_more_at_the_end(folder_of, batch, tmp_path, monkeypatch):
    source = folder_of("a.mp4", "b.mp4", "c.mp4")
    (tmp_path / "clips" / "broken.mp4").write_bytes(os.urandom(3000))
    tries = []

    def stumble(self, clip, request, progress):
        tries.append(clip.path.name)
        if tries.count("a.mp4") == 1 and clip.path.name == "a.mp4":
            raise RuntimeError("out of memory\nfor a while")
        return original(self, clip, request, progress)

    original = fakes.Generator.generate
    monkeypatch.setattr(fakes.Generator, "generate", stumble)
    made = batch(source)
    tally = made.run()
    assert tries == ["a.mp4", "b.mp4", "c.mp4", "a.mp4"]
    assert (tally.done, tally.failed, made.listener.again) == (3, 1, [2])
    assert [label for label, status in made.listener.reports if status == "failed"] == [
        "a.mp4",
        "broken.mp4",
        "broken.mp4",
    ]
    record = Record.read(tmp_path / "out" / "broken.batch.json")
    assert record.status == "failed" and "broken.mp4 cannot be read" in record.message
    assert summarise(made).failures == [{"clip": "broken.mp4", "status": "failed", "message": record.message}]


def test_an_engine_that_cannot_work_at_all_ends_the_batch(folder_of, batch, settings, tmp_path):
    wrong = settings()
    wrong.engines["generator"] = "wrong"
    made = batch(folder_of(*(f"{index}.mp4" for index in range(9))), wrong)
    with pytest.raises(EngineError, match="first 5 clips failed alike"):
        made.run()
    assert made.tally.failed == 5
    assert batch(open_source(tmp_path / "clips", tmp_path / "out")).run().done == 9


def test_shards_work_on_one_folder_and_have_summaries_of_their_own(folder_of, batch, tmp_path):
    source = folder_of("a.mp4", "b.mp4", "c.mp4")
    for number in (1, 2):
        part = batch(source, shard=Shard(number, 2))
        part.run()
        assert summarise(part).clips == part.tally.done == {1: 2, 2: 1}[number]
    assert {path.name for path in (tmp_path / "out").glob("summary*")} == {
        "summary.1-of-2.csv",
        "summary.1-of-2.json",
        "summary.2-of-2.csv",
        "summary.2-of-2.json",
    }
    assert batch(source).run().already == 3


def test_a_batch_stops_when_asked_and_leaves_nothing_half_done(folder_of, batch, settings, tmp_path):
    endless = settings()
    endless.engines["generator"] = "endless"
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    made = batch(folder_of("a.mp4", "b.mp4"), endless)
    with pytest.raises(Cancelled):
        made.run(Progress(check=token.check))
    assert not fakes.Generator.requests, "none was generated to its end, which takes a minute"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_batch_that_was_killed_goes_on_where_it_was(clips, tmp_path):
    folder, out = clips(*(f"{index}.mp4" for index in range(4))), tmp_path / "out"
    command = ["batch", str(folder), "--out", str(out), "--generator", "draft", "--skip_final_video"]
    process = start([sys.executable, "-m", "deepsound", *command], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "1/4 done" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    first = (out / "0.batch.json").read_bytes()
    finished = len(list(out.glob("*.batch.json")))
    assert 1 <= finished < 4
    assert main([*command, "--quiet"]) == 0
    assert (out / "0.batch.json").read_bytes() == first
    assert json.loads((out / "summary.json").read_text())["done_now"] == 4 - finished
    assert sorted(path.name for path in out.glob("*.wav")) == sorted(
        f"{index}{suffix}" for index in range(4) for suffix in (".step1.wav", ".wav")
    )


def test_the_command_line_tells_what_came_of_it(clips, tmp_path, capsys):
    folder, out = clips("a.mp4"), tmp_path / "out"
    command = ["batch", str(folder), "--out", str(out), "--generator", "noise", "--reasoner", "no", "--pictures"]
    assert main([*command, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["done"] == 1
    assert "1/1 done a.mp4" in printed.err and "1 of 1 clips" in printed.err
    assert (out / "a.wave.png").exists() and (out / "a.mp4").exists()
    (folder / "b.mp4").write_bytes(b"nothing")
    assert main([*command, "--quiet"]) == 6
    assert main([*command, "--shard", "3/2"]) == 2
    assert main([*command, "--workers", "2"]) == 2
    assert main(["batch", str(tmp_path / "missing"), "--out", str(out)]) == 2
    assert main(["batch", str(folder), "--out", str(folder / "b.mp4" / "x")]) == 5
    assert main([*command, "--generator", "nonsense"]) == 2


def test_the_example_of_the_documentation_runs(clips, tmp_path, monkeypatch, capsys):
    clips("a.mp4")
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "many_clips.md").read_text()
    exec(compile(text.partition("```python\n")[2].partition("```")[0], "many_clips.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == "{'no': 1}\n" and (tmp_path / "outputs" / "a.wav").exists()


def test_what_ray_prints_of_lost_workers_is_not_between_the_json(clips, tmp_path, monkeypatch, capsys):
    """Ray's own thread prints "A worker died" on stdout, where it made `--ray --json` unreadable."""

    class Talking(InProcess):
        def __init__(self, settings, output_dir, *options):
            super().__init__(settings, output_dir)

        def __enter__(self):
            return self

        def __exit__(self, *what):
            print("(raylet) A worker died")

    monkeypatch.setattr("deepsound.batch.ray_workers.RayWorkers", Talking)
    flags = ["--generator", "noise", "--reasoner", "no", "--separator", "halving", "--skip_final_video", "--quiet"]
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), *flags, "--ray", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["done"] == 1 and "A worker died" in printed.err
