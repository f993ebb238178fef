"""Tests of batches on damaged records, hostile names and full disks."""

import csv
import errno
import json
import os
import subprocess
import sys
import threading

import pytest

from deepsound.batch.clips import Job, Skipped
from deepsound.batch.records import DamagedRecord, Record, is_done
from deepsound.batch.sources import open_source
from deepsound.batch.summary import read_rows, summarise
from deepsound.cli.main import main
from deepsound.errors import InputError, OutputError
from tests import fakes

posix = pytest.mark.skipif(os.name != "posix", reason="names and pipes of POSIX")


@pytest.fixture
def folder_of(clips, tmp_path):
    return lambda *names: open_source(clips(*names), tmp_path / "out")


def right(**changes):
    """A record's content as it should be, with changes."""
    return {"label": "a.mp4", "status": "done", "fingerprint": "f", "seconds": 1.0, "files": {}, "told": {}, **changes}


DAMAGED = {
    "not JSON": b"\x80{",
    "nothing": b"",
    "a list": b"[]",
    "deep": b'{"told": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "no status": json.dumps({"label": "a.mp4", "fingerprint": "f", "seconds": 1}).encode(),
    "an unknown field": json.dumps(right(schema=9)).encode(),
    "seconds as text": json.dumps(right(seconds="fast")).encode(),
    "seconds null": json.dumps(right(seconds=None)).encode(),
    "seconds huge": b'{"label":"a","status":"done","fingerprint":"f","seconds":1' + b"0" * 400 + b"}",
    "seconds endless": b'{"label":"a","status":"done","fingerprint":"f","seconds":1e999}',
    "seconds NaN": json.dumps(right(seconds=float("nan"))).encode(),
    "seconds true": json.dumps(right(seconds=True)).encode(),
    "a number too long": b'{"label":"a","status":"done","fingerprint":"f","seconds":' + b"9" * 5000 + b"}",
    "a NUL in a name": json.dumps(right(files={"a\0.wav": 1})).encode(),
    "another folder's file": json.dumps(right(files={"../a.wav": 1})).encode(),
    "a size as text": json.dumps(right(files={"a.wav": "1"})).encode(),
    "files a list": json.dumps(right(files=["a.wav"])).encode(),
    "details a list": json.dumps(right(told=[])).encode(),
    "step seconds as text": json.dumps(right(told={"step_seconds": {"plan": "long"}})).encode(),
    "step seconds a list": json.dumps(right(told={"step_seconds": [1]})).encode(),
    "a verdict that is a list": json.dumps(right(told={"verdict": []})).encode(),
    "a level as text": json.dumps(right(told={"final_lufs": "loud"})).encode(),
    "a status of its own": json.dumps(right(status="well")).encode(),
    "a label of its own": json.dumps(right(label=7)).encode(),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_record_that_is_not_right_is_damaged_and_not_a_traceback(tmp_path, content):
    path = tmp_path / "a.batch.json"
    path.write_bytes(content)
    with pytest.raises(DamagedRecord, match=r"a\.batch\.json"):
        Record.load(path)
    assert Record.read(path) is None


def test_a_record_of_version_0_3_is_still_read(tmp_path):
    path = tmp_path / "a.batch.json"
    path.write_text(json.dumps(right(worker="host:1", deepsound_version="0.3.0", ended_at=1.5, message="")))
    assert is_done(path, "f") and not is_done(path, "g")
    Record("a.mp4", "done", "f", 1.0, details={"verdict": "no"}).write(path)
    assert json.loads(path.read_text())["told"] == {"verdict": "no"} and Record.read(path).details == {"verdict": "no"}


def test_a_batch_redoes_the_clips_of_damaged_records_and_names_them(folder_of, batch, tmp_path):
    names = ["deep", "seconds as text", "step seconds as text", "a NUL in a name", "no status"]
    source, out = folder_of(*(f"{index}.mp4" for index in range(len(names)))), tmp_path / "out"
    batch(source).run()
    for index, name in enumerate(names):
        (out / f"{index}.batch.json").write_bytes(DAMAGED[name])
    again = batch(source)
    assert (again.run().done, again.tally.failed) == (len(names), 0)
    assert [label for label, _ in again.listener.damages] == [f"{index}.mp4" for index in range(len(names))]
    assert summarise(again).complete


@posix
def test_a_pipe_in_place_of_a_record_or_a_video_is_not_waited_for(folder_of, batch, tmp_path):
    source, out = folder_of("a.mp4"), tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "a.batch.json")
    os.mkfifo(tmp_path / "clips" / "pipe.mp4")
    made = batch(source)
    assert (made.run().done, made.tally.failed) == (1, 1)
    assert made.listener.damages[0][0] == "a.mp4"
    assert "pipe" in summarise(made).failures[0]["message"]


@posix
@pytest.mark.parametrize("length", [249, 251])
def test_a_long_name_costs_its_own_clip_alone(folder_of, batch, tmp_path, length):
    source = folder_of("a.mp4", "b" * (length - 4) + ".mp4", "c.mp4")
    made = batch(source)
    assert (made.run().done, made.tally.failed) == (2, 1)
    (failure,) = summarise(made).failures
    assert "too long" in failure["message"]
    assert len(fakes.Generator.requests) == 2, "nothing is computed for a name that cannot be written"


def test_an_error_while_a_failure_is_recorded_reaches_no_other_clip(folder_of, batch, tmp_path, monkeypatch):
    source = folder_of("a.mp4", "b.mp4")

    def refuse(self, path):
        raise RuntimeError("anything")

    monkeypatch.setattr(Record, "write", refuse)
    made = batch(source)
    assert (made.run().done, made.tally.failed) == (0, 2)
    assert {failure["message"] for failure in summarise(made).failures} == {"RuntimeError: anything"}


def test_a_full_disk_ends_the_batch_with_one_sentence_and_is_gone_on_from(folder_of, batch, tmp_path, monkeypatch):
    source = folder_of("a.mp4", "b.mp4", "c.mp4")
    full = threading.Event()
    generate = fakes.Generator.generate

    def fill(self, clip, request, progress):
        if clip.path.name == "b.mp4" and full.is_set():
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            except OSError as error:
                raise OutputError("Cannot write b.wav: the disk is full.") from error
        return generate(self, clip, request, progress)

    monkeypatch.setattr(fakes.Generator, "generate", fill)
    full.set()
    made = batch(source)
    with pytest.raises(OutputError, match=r"disk is full\. The batch ends with 1 of 3 clips done"):
        made.run()
    assert [label for label, _ in made.listener.reports] == ["a.mp4", "b.mp4"], "c.mp4 is not tried"
    full.clear()
    again = batch(source)
    assert (again.run().done, again.tally.already) == (2, 1)


def test_a_full_disk_s_raw_error_ends_the_batch_too(folder_of, batch, monkeypatch):
    def fill(self, clip, request, progress):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fakes.Generator, "generate", fill)
    made = batch(folder_of("a.mp4", "b.mp4"))
    with pytest.raises(OutputError, match="No space left on device"):
        made.run()
    assert len(made.listener.reports) == 1


def test_an_empty_source_is_no_success(tmp_path, capsys):
    folder, out = tmp_path / "clips", tmp_path / "out"
    folder.mkdir()
    assert main(["batch", str(folder), "--out", str(out)]) == 2
    assert "holds no video, nothing" in capsys.readouterr().err
    (folder / "notes.txt").touch()
    assert main(["batch", str(folder), "--out", str(out)]) == 2
    assert "only 1 other file" in capsys.readouterr().err
    (folder / "list.csv").write_text("video,prompt\n")
    assert main(["batch", str(folder / "list.csv"), "--out", str(out), "--quiet"]) == 2
    assert "no row below its header" in capsys.readouterr().err
    assert not out.exists()


def test_other_people_s_partial_folders_stay(folder_of, batch, tmp_path):
    source, out = folder_of("a.mp4"), tmp_path / "out"
    for name in ("photos/.partial", ".rsync.partial", ".abc.partial"):
        kept = out / name / "kept.txt"
        kept.parent.mkdir(parents=True)
        kept.touch()
        os.utime(kept.parent, (1, 1))
    batch(source).run()
    assert len(list(out.rglob("kept.txt"))) == 3


@pytest.fixture
def entries(tmp_path):
    """entries(text or bytes, name="clips.csv"): the entries of a table of that content."""

    def make(content, name="clips.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(open_source(tmp_path / name, tmp_path / "out").entries())

    return make


def test_a_row_of_an_unknown_user_s_home_is_refused_alone(entries):
    refused, job = entries("video\n~nosuchuser/x.mp4\na.mp4\n")
    assert isinstance(refused, Skipped) and refused.is_loss and "does not exist here" in refused.why
    assert isinstance(job, Job)


def test_a_prompt_in_another_encoding_is_refused_before_the_work(entries):
    refused, job = entries("video,prompt\na.mp4,café\nb.mp4,rain\n".encode("cp1252"))
    assert isinstance(refused, Skipped) and "not UTF-8" in refused.why and "CSV UTF-8" in refused.why
    assert job.overrides == {"prompt": "rain"}


def test_a_table_as_a_spreadsheet_saves_unicode_text_is_read(entries):
    (job,) = entries("video\tprompt\na.mp4\tcafé 雨\n".encode("utf-16"), "clips.tsv")
    assert job.overrides == {"prompt": "café 雨"}


def test_semicolons_separate_where_the_header_has_them(entries):
    (job,) = entries("video;prompt;start\na.mp4;rain, wind;0.5\n")
    assert job.overrides == {"prompt": "rain, wind", "start_s": 0.5}


def test_a_line_without_end_is_refused_and_the_next_one_read(entries):
    refused, job = entries(b"video\n" + b"x" * (3 << 20) + b"\nb.mp4\n")
    assert isinstance(refused, Skipped) and "more than" in refused.why and job.video.name == "b.mp4"


def test_a_long_name_is_not_the_label_as_a_whole(entries):
    (job,) = entries("video\n" + "x" * 5000 + ".mp4\n")
    assert len(job.label) < 300 and len(job.video.name) == 5004


@posix
def test_a_pipe_is_no_table(tmp_path):
    os.mkfifo(tmp_path / "clips.csv")
    with pytest.raises(InputError, match="not a regular file"):
        open_source(tmp_path / "clips.csv", tmp_path / "out")


@posix
def test_no_cell_of_the_summary_is_a_formula_and_all_read_back(folder_of, batch, tmp_path):
    names = ["=1+1.mp4", "+cmd.mp4", "-2.mp4", "@x.mp4", "'=quoted.mp4", "plain.mp4"]
    made = batch(folder_of(*names))
    made.run()
    summarise(made)
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        written = list(csv.reader(file))
    for cell in (cell for row in written for cell in row if cell[:1] in tuple("=+-@")):
        assert cell == "" or float(cell) < 0, "only numbers begin with a minus sign"
    assert "'=1+1.mp4" in (row[0] for row in written) and "'=1+1.batch.json" in (row[-2] for row in written)
    rows = read_rows(tmp_path / "out" / "summary.csv")
    assert sorted(row["clip"] for row in rows) == sorted(names)
    assert {row["record"] for row in rows} == {f"{name.removesuffix('.mp4')}.batch.json" for name in names}


def test_quiet_still_tells_which_clip_failed(clips, tmp_path, capsys):
    folder = clips("a.mp4")
    (folder / "broken.mp4").write_bytes(b"nothing")
    command = ["batch", str(folder), "--out", str(tmp_path / "out"), "--generator", "noise", "--reasoner", "no"]
    assert main([*command, "--skip_final_video", "--quiet"]) == 6
    err = capsys.readouterr().err
    assert "broken.mp4" in err and "a.mp4 " not in err and "clips a minute" not in err


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_before_the_work(clips, tmp_path, capsys):
    folder, out = clips("a.mp4"), tmp_path / "out"
    out.mkdir(mode=0o555)
    assert main(["batch", str(folder), "--out", str(out), "--quiet"]) == 5
    assert "permission denied" in capsys.readouterr().err


def test_a_disk_that_is_read_only_is_said_before_the_work_even_when_quiet(clips, tmp_path, capsys, monkeypatch):
    def refuse(**named):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert main(["batch", str(clips("a.mp4")), "--out", str(tmp_path / "out"), "--quiet"]) == 5
    assert "the disk is read-only" in capsys.readouterr().err


def test_control_characters_of_a_name_do_not_reach_the_terminal(clips, tmp_path, capsys):
    if sys.platform == "win32":
        pytest.skip("such names do not exist on Windows")
    folder = clips()
    folder.mkdir(exist_ok=True)
    (folder / "a\x1b[31m.mp4").write_bytes(b"nothing")
    assert main(["batch", str(folder), "--out", str(tmp_path / "out")]) == 6
    assert "\x1b" not in capsys.readouterr().err


def test_a_summary_that_cannot_be_written_is_returned_all_the_same(folder_of, batch, monkeypatch):
    made = batch(folder_of("a.mp4"))
    made.run()

    def no_space(path):
        raise OutputError("the disk is full")

    monkeypatch.setattr(sys.modules[summarise.__module__], "atomic_write", no_space)
    summary = summarise(made)
    assert (summary.done, summary.unwritten) == (1, "the disk is full")


def test_the_resume_clears_what_a_killed_run_was_working_in_at_once(folder_of, batch, tmp_path):
    source, inner = folder_of("a.mp4", "inner/b.mp4"), tmp_path / "out" / "inner"
    inner.mkdir(parents=True)
    script = (
        "import os, sys; from pathlib import Path; from deepsound.outputs.leftovers import make_staging_folder;"
        "staging = make_staging_folder(Path(sys.argv[1])); (staging.path / 'b.wav').touch(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(inner)], check=False).returncode == 9
    assert list(inner.iterdir())
    batch(source).run()
    assert not list((tmp_path / "out").rglob(".*"))


def test_without_overwriting_a_finished_clip_and_its_record_stay(folder_of, batch, settings, tmp_path):
    source, out = folder_of("a.mp4"), tmp_path / "out"
    batch(source).run()
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    made = batch(source, settings(seed=7, overwrite=False))
    assert (made.run().done, made.tally.failed) == (0, 1)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
