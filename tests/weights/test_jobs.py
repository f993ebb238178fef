"""Tests of background downloads: progress, cancellation, licences and every end of a job."""

import json
import shutil
from collections import namedtuple

import pytest
import torch
from safetensors.torch import save

from deepsound.errors import InputError
from deepsound.weights import jobs
from deepsound.weights.catalogue import read_entry
from deepsound.weights.jobs import WeightJobs, describe, folder_of
from tests.waiting import wait_until

DATA = save({"weight": torch.arange(100_000, dtype=torch.float32)})
REPO = "someone/model"
ID = "test/w"


@pytest.fixture
def entry(hub, monkeypatch):
    hub.files[f"{REPO}/w.safetensors"] = DATA
    source = {"hub": REPO, "file": "w.safetensors"}
    made = read_entry(
        {
            "id": ID,
            "what": "a test's network",
            "licence": {"name": "CC-BY-NC-4.0", "commercial": False},
            "engines": ["tester"],
            "place": "test",
            "layouts": {"models": ["test/w"]},
            "files": [{"name": "w.safetensors", "bytes": len(DATA), "sources": [source]}],
        }
    )
    known = jobs.weights
    monkeypatch.setattr(jobs, "weights", lambda id: made if id == ID else known(id))
    return made


@pytest.fixture
def running(own, entry):
    return WeightJobs(lambda: own)


def ended(running):
    wait_until(lambda: not running.get(ID).is_active)
    return running.get(ID)


def start(running):
    return running.start_download(ID, "CC-BY-NC-4.0")


def test_a_download_ends_with_the_file_in_place_and_is_described(running, entry, own):
    before = describe(entry, own)
    assert (
        not before["is_present"]
        and before["bytes"] == len(DATA)
        and before["path"] == str(own.cache / "test/w.safetensors")
    )
    assert start(running).state == "waiting"
    job = ended(running)
    assert (job.state, job.fraction) == ("done", 1.0)
    after = describe(entry, own, job)
    assert after["is_present"] and after["job"]["state"] == "done"
    assert json.loads(json.dumps(after)) == after


@pytest.mark.parametrize("licence", ["", "MIT"])
def test_nothing_is_fetched_under_a_licence_that_was_not_accepted(running, hub, licence):
    with pytest.raises(InputError, match=r"expected 'CC-BY-NC-4.0' accepted, got"):
        running.start_download(ID, licence)
    assert running.get(ID) is None and not hub.asked


def test_only_names_of_the_catalogue_are_taken(running):
    for name in ("../../etc/passwd", "http://example.com/w.safetensors", ""):
        with pytest.raises(InputError, match="no weights"):
            running.start_download(name, "MIT")


def test_a_cancelled_download_ends_within_a_second_and_the_next_one_goes_on(running, hub, own):
    hub.seconds_per_block = 0.2
    start(running)
    wait_until(lambda: running.get(ID).fraction > 0)
    assert start(running) is running.get(ID) or running.get(ID).is_active, "a second click starts no second download"
    running.cancel(ID)
    assert ended(running).state == "cancelled"
    hub.seconds_per_block = 0
    start(running)
    assert ended(running).state == "done"
    assert any("range" in headers for headers in hub.bodies())


def test_a_server_that_cannot_be_reached_ends_the_job_with_a_sentence(running, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start(running)
    job = ended(running)
    assert job.state == "failed" and "cannot be reached" in job.message


def test_a_full_disk_ends_the_job_with_the_sizes(running, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 0))
    start(running)
    job = ended(running)
    assert job.state == "failed" and job.message.startswith("There is no room for the download")


def test_verifying_says_what_is_damaged_and_what_to_do(running, entry, own):
    start(running)
    ended(running)
    running.start_verify(ID)
    assert ended(running).state == "done"
    path = own.cache / "test" / "w.safetensors"
    path.write_bytes(DATA[:-8])
    running.start_verify(ID)
    job = ended(running)
    assert job.state == "failed" and job.message.endswith("delete it and download it again.")


def test_any_other_end_is_told_too(running, monkeypatch):
    def broken(*_):
        raise RuntimeError("unexpected")

    monkeypatch.setattr(jobs, "download", broken)
    start(running)
    assert ended(running).message == "RuntimeError: unexpected"


def test_the_folder_to_open_exists(entry, own, tmp_path):
    assert folder_of(entry, own) == tmp_path
    (own.cache / "test").mkdir(parents=True)
    assert folder_of(entry, own) == own.cache / "test"
