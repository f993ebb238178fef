"""Tests of session ownership and eviction within the disk budget."""

import os
import time

import pytest

from deepsound.app import tenancy
from deepsound.app.storage import AppStorage
from deepsound.app.tenancy import StorageFull

SIZE = 1000


@pytest.fixture
def folder(tmp_path):
    """Room for four uploads of SIZE bytes each, and the folders' own."""
    with AppStorage(tmp_path / "app", max_upload_bytes=10 * SIZE, budget_bytes=4 * SIZE) as made:
        yield made


def upload(folder, session=None):
    path = folder.new_upload("clip.mp4", SIZE)
    path.write_bytes(b"0" * SIZE)
    if session is not None:
        folder.tenancy.claim(session, path)
    return path


def test_a_new_upload_of_others_never_removes_one_that_is_in_use(folder):
    mine = [upload(folder, f"session {index}") for index in range(4)]
    with pytest.raises(StorageFull, match=r"in use by 4 open pages.*try again"):
        upload(folder, "one more")
    assert all(path.exists() for path in mine)


def test_what_is_larger_than_the_budget_is_said_with_the_way_out(folder):
    with pytest.raises(StorageFull, match="--max-disk"):
        folder.new_upload("clip.mp4", 5 * SIZE)


def test_a_page_that_is_closed_makes_room_when_it_is_needed(folder):
    mine = [upload(folder, f"session {index}") for index in range(4)]
    folder.tenancy.leave("session 2")
    assert mine[2].exists(), "not before"
    upload(folder, "one more")
    assert [path.exists() for path in mine] == [True, True, False, True]


def test_another_video_takes_the_place_of_the_session_s_former_one(folder):
    first = upload(folder, "a")
    second = upload(folder, "a")
    assert not first.exists() and second.exists()
    folder.tenancy.claim("a", None)
    assert not second.exists()


def test_an_upload_on_its_way_to_its_page_stays_and_a_forgotten_one_goes(folder):
    fresh, old = upload(folder), upload(folder)
    os.utime(old, (time.time() - 3600,) * 2)
    for session in "abc":
        upload(folder, session)
    assert fresh.exists() and not old.exists()
    with pytest.raises(StorageFull):
        upload(folder, "d")
    assert fresh.exists()


def test_a_session_s_newest_result_stays_and_replaced_ones_go_first(folder, monkeypatch):
    monkeypatch.setattr(tenancy, "size_of", lambda path: SIZE)
    source = upload(folder, "a")
    runs = []
    for _ in range(2):
        with folder.new_run(source, "a") as (_, path):
            runs.append(path.parent)
    upload(folder, "b")
    upload(folder, "c")
    assert not runs[0].exists() and runs[1].exists() and source.exists()
    with pytest.raises(StorageFull):
        upload(folder, "d")
    assert runs[1].exists()


def test_a_run_at_work_is_never_removed_even_when_its_page_is_closed(folder, monkeypatch):
    source = upload(folder, "a")
    with folder.new_run(source, "a") as (_, path):
        folder.tenancy.leave("a")
        with pytest.raises(StorageFull):
            for session in "bcdef":
                upload(folder, session)
        assert path.exists()


def test_pages_idle_for_hours_make_room_last(folder, monkeypatch):
    mine = [upload(folder, f"session {index}") for index in range(4)]
    monkeypatch.setattr(tenancy, "_IDLE_S", -1)
    upload(folder, "one more")
    assert sum(path.exists() for path in mine) == 3


def test_what_an_earlier_server_left_makes_room(tmp_path):
    with AppStorage(tmp_path / "app", budget_bytes=4 * SIZE) as folder:
        old = [upload(folder, session) for session in "abc"]
        for path in old:
            os.utime(path, (1, 1))
    with AppStorage(tmp_path / "app", budget_bytes=4 * SIZE) as folder:
        for session in "abcd":
            upload(folder, session)
    assert not any(path.exists() for path in old)
