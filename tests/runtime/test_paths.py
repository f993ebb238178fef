"""Tests of path queries: unreachable paths raise the library's errors."""

import errno
import os
from pathlib import Path

import pytest

from deepsound.errors import DeepSoundError, InputError, MediaError
from deepsound.runtime import paths


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A path below a folder without search permission; root may search any, so its answer is stood in for."""
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "a.mp4").write_text("x")
    if os.geteuid() == 0:
        seen = Path.stat

        def refuse(self, **kwargs):
            if self.parent == folder:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
            return seen(self, **kwargs)

        monkeypatch.setattr(Path, "stat", refuse)
    else:
        folder.chmod(0o600)
    yield folder / "a.mp4"
    folder.chmod(0o700)


@pytest.mark.parametrize("query", [paths.exists, paths.is_file, paths.is_dir, paths.is_symlink])
def test_a_folder_without_search_permission_is_one_sentence(locked, query):
    with pytest.raises(InputError, match=r"a\.mp4 cannot be reached: permission denied; change the permissions"):
        query(locked)
    with pytest.raises(MediaError):
        query(locked, MediaError)


def test_a_name_too_long_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="too long for this file system; shorten it"):
        paths.is_file(tmp_path / ("n" * 300))


@pytest.mark.parametrize("name", ["missing", "file/below", "nu\0ll", "half\ud800"])
def test_what_no_file_system_holds_is_not_there(tmp_path, name):
    (tmp_path / "file").write_text("")
    assert not paths.exists(tmp_path / name)


def test_files_folders_and_links_are_told_apart(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert paths.is_file(tmp_path / "link") and paths.is_symlink(tmp_path / "link")
    assert paths.is_dir(tmp_path) and not paths.is_file(tmp_path)
    assert not paths.exists(tmp_path / "loop") and paths.is_symlink(tmp_path / "loop")
    assert paths.is_same_file(tmp_path / "file", tmp_path / "link")
    assert not paths.is_same_file(tmp_path / "file", tmp_path / "missing")


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert paths.exists(tmp_path / "pipe") and not paths.is_file(tmp_path / "pipe")


def test_the_home_of_nobody_is_one_sentence():
    with pytest.raises(DeepSoundError, match=r"~nosuchuser/x begins with the home folder of a user who does not exist"):
        paths.expand("~nosuchuser/x")
    assert paths.expand("~/x") == Path.home() / "x"


def test_a_name_that_is_not_utf_8_can_be_shown():
    assert paths.escaped(os.fsdecode(b"caf\xe9\n.mp4")) == r"caf\xe9\n.mp4"
    assert paths.escaped("a\ud800b") == r"a\ud800b"
