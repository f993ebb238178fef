"""Tests of atomic placement: all earlier or all new files after any fault."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from deepsound.errors import Cancelled, OutputError
from deepsound.outputs import clear_leftovers
from deepsound.outputs.leftovers import make_staging_folder, undo_interrupted
from deepsound.outputs.placement import JOURNAL, NEW, OLD, folder_lock, place, staged_name, undo

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def faults():
    """What each kind of fault at each writing call left: (number of calls, problems) by kind."""
    pytest.importorskip("fcntl", reason="processes are forked and killed")
    command = [sys.executable, "-m", "tests.outputs.faults"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["disk", "interrupt", "file size", "kill", "kill twice"])
def test_a_fault_at_any_writing_call_leaves_all_earlier_or_all_new_files(faults, kind):
    calls, problems = faults[kind]
    # A run that replaces four files by eleven makes more than 60 such calls.
    assert calls >= {"kill twice": 20, "file size": 10}.get(kind, 60)
    assert problems == []


@pytest.fixture
def staged(tmp_path):
    """A staging folder with two new files for `clip`, whose folder holds earlier ones of the same names."""
    folder = make_staging_folder(tmp_path)
    for number, suffix in enumerate((".wav", ".result.json")):
        (folder.path / NEW / staged_name(number, suffix)).write_text("new")
        (tmp_path / f"clip{suffix}").write_text("old")
    yield folder
    # A test may have removed it itself.
    with suppress(OSError):
        folder.remove()


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_what_is_in_place_is_new_and_what_is_gone_is_gone(tmp_path, staged):
    (tmp_path / "clip.neg.wav").write_text("old")
    place(staged.path, tmp_path, "clip", (".wav", ".result.json"), (".neg.wav",))
    assert contents(tmp_path) == {"clip.wav": "new", "clip.result.json": "new"}


def test_when_moving_back_fails_too_the_message_says_so_and_the_next_run_moves_back(tmp_path, staged, monkeypatch):
    replace = Path.replace

    def fail(self, target):
        if self.parent.name == OLD or self.name == "1.json":
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match=r"a mixture of .* The next run into this folder moves them back"):
        place(staged.path, tmp_path, "clip", (".wav", ".result.json"), ())
    monkeypatch.undo()
    staged.remove()
    assert (staged.path / JOURNAL).is_file()
    clear_leftovers(tmp_path)
    assert contents(tmp_path) == {"clip.wav": "old", "clip.result.json": "old"}
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_runs_that_end_at_once_under_one_name_leave_the_files_of_one(tmp_path):
    def work(number):
        for _ in range(8):
            folder = make_staging_folder(tmp_path)
            for position, suffix in enumerate((".wav", ".result.json")):
                (folder.path / NEW / staged_name(position, suffix)).write_text(str(number))
            with folder_lock(tmp_path) as locked:
                undo_interrupted(tmp_path, locked)
                place(folder.path, tmp_path, "clip", (".wav", ".result.json"), ())
                found.append(set(contents(tmp_path).values()))
            folder.remove()

    found = []
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(found) == 48 and all(len(each) == 1 for each in found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.result.json", "clip.wav"]


def test_waiting_for_another_process_can_be_cancelled(tmp_path):
    def stop():
        raise Cancelled

    with folder_lock(tmp_path), pytest.raises(Cancelled), folder_lock(tmp_path, stop):
        pass


@pytest.mark.parametrize(
    "journal",
    [
        '{"stem": "../other/clip", "new": [".wav"], "old": []}',
        '{"stem": "precious", "new": [".txt"], "old": []}',
        '{"stem": "", "new": [".wav"], "old": []}',
        '{"stem": "clip", "new": null, "old": []}',
        "[" * 100000,
    ],
)
def test_a_journal_can_name_only_a_runs_own_files(tmp_path, staged, journal):
    (tmp_path / "precious.txt").write_text("mine")
    (staged.path / JOURNAL).write_text(journal)
    with pytest.raises(OutputError, match="journal"):
        undo(staged.path, tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "mine"
    (staged.path / JOURNAL).unlink()
