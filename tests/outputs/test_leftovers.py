"""Tests of leftovers: only marked and unused staging folders are removed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepsound.outputs import clear_leftovers
from deepsound.outputs.leftovers import make_staging_folder

ROOT = Path(__file__).parents[2]


def killed_run(folder: Path) -> None:
    """A staging folder whose process ended without removing it."""
    script = (
        "import os, sys; from pathlib import Path; from deepsound.outputs.leftovers import make_staging_folder\n"
        "made = make_staging_folder(Path(sys.argv[1])); (made.path / 'half.wav').write_bytes(b'x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, check=False)
    assert list(folder.glob(".deepsound-staging*/*/half.wav"))


def test_what_a_killed_process_left_is_cleared_at_once(tmp_path):
    killed_run(tmp_path)
    assert clear_leftovers(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_at_work_is_left_alone(tmp_path):
    folder = make_staging_folder(tmp_path)
    assert clear_leftovers(tmp_path) == 0
    assert folder.path.is_dir()
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_hidden_folders_are_never_removed(tmp_path):
    for name in (".partial", ".rsync.partial", ".abc.partial", "photos/.partial", ".deepsound-staging-0/theirs"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "photo.jpg").write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    before = sorted(tmp_path.rglob("*"))
    assert clear_leftovers(tmp_path) == 0 and clear_leftovers(tmp_path / "photos") == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_a_marked_folder_that_was_copied_elsewhere_is_not_removed(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    killed_run(made)
    shutil.copytree(made, tmp_path / "backup")
    assert clear_leftovers(tmp_path / "backup") == 0
    assert list((tmp_path / "backup").rglob("half.wav"))
    assert clear_leftovers(made) == 1


@pytest.mark.parametrize("spoil", ["not json", '{"made_by": "somebody"}', "[" * 100000, ""])
def test_a_folder_without_a_valid_marker_is_not_removed(tmp_path, spoil):
    killed_run(tmp_path)
    marker = next(tmp_path.glob(".deepsound-staging*/*.json"))
    marker.write_text(spoil)
    assert clear_leftovers(tmp_path) == 0
    assert list(tmp_path.rglob("half.wav"))


def test_another_machines_folder_is_cleared_after_a_day(tmp_path):
    killed_run(tmp_path)
    marker = next(tmp_path.glob(".deepsound-staging*/*.json"))
    content = json.loads(marker.read_text())
    marker.write_text(json.dumps({**content, "host": "elsewhere", "boot": "another"}))
    assert clear_leftovers(tmp_path) == 0
    os.utime(marker, (0, 0))
    assert clear_leftovers(tmp_path) == 1


def test_a_link_in_place_of_the_staging_folders_is_not_followed(tmp_path):
    killed_run(tmp_path)
    parent = next(tmp_path.glob(".deepsound-staging*"))
    parent.rename(tmp_path / "moved")
    parent.symlink_to(tmp_path / "moved")
    assert clear_leftovers(tmp_path) == 0
    assert list(tmp_path.rglob("half.wav"))
