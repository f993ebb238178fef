"""Tests of the page's storage: no path leads out of its folder, names are generated."""

import os
import re

import pytest

from deepsound.app.storage import AppStorage
from deepsound.errors import InputError


@pytest.fixture
def folder(tmp_path):
    with AppStorage(tmp_path / "app", max_upload_bytes=1000) as made:
        yield made


def uploaded(folder, name="clip.mp4", size=10):
    path = folder.new_upload(name)
    path.write_bytes(b"0" * size)
    return path


@pytest.mark.parametrize(
    ("claimed", "suffix"),
    [
        ("clip.MP4", ".mp4"),
        ("../../etc/passwd", ".video"),
        ("a/b\\c.webm", ".webm"),
        ("x.mp4\0.sh", ".video"),
        ("", ".video"),
        ("clip.mp4/../x.py", ".video"),
        ("\n.mov", ".mov"),
        ("x" * 5000 + ".gif", ".gif"),
    ],
)
def test_of_a_claimed_name_only_a_known_suffix_counts(folder, claimed, suffix):
    path = folder.new_upload(claimed)
    assert path.parent == folder.uploads
    assert re.fullmatch(r"[0-9a-f]{32}" + re.escape(suffix), path.name)


def test_an_upload_is_found_again(folder):
    path = uploaded(folder)
    assert folder.upload(str(path)) == path


def test_what_is_no_upload_is_refused(folder, tmp_path):
    inside = uploaded(folder)
    outside = tmp_path / "secret.mp4"
    outside.write_bytes(b"secret")
    (folder.uploads / "link.mp4").symlink_to(outside)
    (folder.uploads / "inner").mkdir()
    (folder.uploads / "inner" / "deep.mp4").write_bytes(b"0")
    os.link(outside, folder.runs / "other.mp4")
    for given in (
        str(outside),
        f"{folder.uploads}/../../secret.mp4",
        str(folder.uploads / "link.mp4"),
        inside.name,
        f"uploads/{inside.name}",
        str(folder.uploads),
        str(folder.uploads / "inner" / "deep.mp4"),
        str(folder.runs / "other.mp4"),
        f"{inside}\0",
        "",
        None,
        7,
        ["x"],
        {"path": str(inside)},
        f"file://{inside}",
        "http://example.com/clip.mp4",
        "/" * 5000,
        "/etc/passwd",
        "C:\\x.mp4",
        "\\\\host\\share\\x.mp4",
        str(inside) + "x",
    ):
        assert folder.confine(given) is None, given
        with pytest.raises(InputError, match="no such upload"):
            folder.upload(given)


def test_a_video_over_the_limit_is_refused_with_the_way_out(folder):
    with pytest.raises(InputError, match="--max-upload"):
        folder.upload(str(uploaded(folder, size=1001)))


def test_a_run_keeps_its_video_and_only_its_results_are_given_out(folder):
    path = uploaded(folder)
    with folder.new_run(path) as (run_id, source):
        path.unlink()
        assert source.read_bytes() == b"0" * 10 and source.name == "deepsound.upload"
        (source.parent / "deepsound.mp4").write_bytes(b"video")
    assert folder.result(run_id, "deepsound.mp4") == source.parent / "deepsound.mp4"
    for asked_id, name in (
        (run_id, "deepsound.upload"),
        (run_id, "deepsound.take1.upload"),
        (run_id, "deepsound.take001.mp4"),
        (run_id, "../x"),
        ("..", "deepsound.mp4"),
        ("", "deepsound.mp4"),
        (run_id + "\n", "deepsound.mp4"),
        (run_id, "deepsound.wav"),
        ("0" * 32, "deepsound.mp4"),
    ):
        assert folder.result(asked_id, name) is None, (asked_id, name)


def test_a_run_that_fails_leaves_no_folder(folder):
    with pytest.raises(InputError), folder.new_run(uploaded(folder)):
        raise InputError("no")
    assert list(folder.runs.iterdir()) == []


def test_a_token_is_all_a_page_knows_of_an_upload(folder):
    path = uploaded(folder)
    token = folder.token_of(path)
    assert str(folder.root) not in token and folder.resolve(token) == str(path)
    path.unlink()
    with pytest.raises(InputError, match="choose the video again"):
        folder.upload(folder.resolve(token))
    for given in (str(path), path.name, "/uploads/../runs/x.mp4", token + "\n", "/etc/passwd", None, 7, [token]):
        assert folder.resolve(given) is None, given


def test_messages_tell_nothing_of_where_things_are(folder):
    with folder.new_run(uploaded(folder)) as (_, source):
        told = folder.without_paths(f"{source} cannot be read; 3 files in {source.parent}")
    assert told == "The video cannot be read; 3 files in the run's folder"


def test_a_folder_of_its_own_is_private_and_gone_afterwards():
    with AppStorage() as folder:
        assert folder.root.stat().st_mode & 0o077 == 0
        uploaded(folder)
    assert not folder.root.exists()
