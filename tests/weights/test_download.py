"""Tests of downloads against a local hub: cut, wrong, refused, offline, cancelled."""

import hashlib
import os
import re
import shutil
import threading
import time
from collections import namedtuple

import pytest
import torch
from safetensors.torch import save

from deepsound.errors import Cancelled, EngineError, OutputError
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.weights import transfer
from deepsound.weights.catalogue import read_entry
from deepsound.weights.download import download
from deepsound.weights.load import read_tensors

DATA = save({"weight": torch.arange(100_000, dtype=torch.float32)})
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA, usedforsecurity=False).hexdigest()
REPO = "someone/model"


def entry(hub, *, url=False, **stated):
    source = (
        {"url": f"{hub.url}/release/{REPO}/w.safetensors"}
        if url
        else {"hub": REPO, "file": "w.safetensors", "revision": "main"}
    )
    return read_entry(
        {
            "id": "test/w",
            "what": "a test's network",
            "licence": {"name": "MIT"},
            "engines": [],
            "place": "test",
            "layouts": {"models": ["test/w"]},
            "files": [{"name": "w.safetensors", "sources": [source], **stated}],
        }
    )


@pytest.fixture
def served(hub):
    hub.files[f"{REPO}/w.safetensors"] = DATA
    return hub


def left(places):
    return sorted(path.name for path in places.cache.rglob("*") if path.is_file())


def partials(places):
    return [path for path in places.cache.rglob(".*.partial.safetensors") if path.is_file()]


@pytest.mark.parametrize("url", [False, True], ids=["hub", "release page"])
@pytest.mark.parametrize(
    "stated",
    [{}, {"bytes": len(DATA)}, {"sha256": SHA256}, {"md5": MD5}, {"bytes": len(DATA), "md5": MD5, "sha256": SHA256}],
    ids=["nothing", "size", "sha256", "md5", "all"],
)
def test_a_download_is_whole_verified_and_in_place(served, own, url, stated):
    fractions = []
    path = download(entry(served, url=url, **stated), own, Progress(lambda event: fractions.append(event.fraction)))
    assert path == own.cache / "test" / "w.safetensors" and path.read_bytes() == DATA
    assert left(own) == ["w.safetensors"]
    known = [fraction for fraction in fractions if fraction is not None]
    assert known == sorted(known) and known[-1] == 1.0
    assert torch.equal(read_tensors(path)["weight"], torch.arange(100_000, dtype=torch.float32))


def test_what_is_there_is_not_fetched_again_unless_asked(served, own):
    weights = entry(served)
    download(weights, own)
    served.asked.clear()
    download(weights, own)
    assert served.asked == []
    served.files[f"{REPO}/w.safetensors"] = save({"weight": torch.zeros(7)})
    assert len(read_tensors(download(weights, own, again=True))["weight"]) == 7


@pytest.mark.parametrize("url", [False, True], ids=["hub", "release page"])
def test_a_cut_connection_is_resumed_where_it_stopped(served, own, url):
    served.cut_after = [49_152, 122_880]
    assert download(entry(served, url=url, sha256=SHA256), own).read_bytes() == DATA
    ranges = [headers.get("range") for headers in served.bodies()]
    assert ranges == [None, "bytes=49152-", "bytes=172032-"]


def test_the_next_run_resumes_too(served, own, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    served.cut_after = [49_152]
    with pytest.raises(EngineError, match="run the same command again"):
        download(entry(served), own)
    assert [path.stat().st_size for path in partials(own)] == [49_152]
    assert download(entry(served), own).read_bytes() == DATA
    assert served.bodies()[-1]["range"] == "bytes=49152-" and left(own) == ["w.safetensors"]


def test_a_server_that_knows_no_ranges_starts_over(served, own):
    served.cut_after, served.takes_ranges = [49_152], False
    assert download(entry(served, sha256=SHA256), own).read_bytes() == DATA


@pytest.mark.parametrize("url", [False, True], ids=["hub", "release page"])
def test_a_partial_that_is_whole_already_is_only_verified(served, own, url):
    token = CancelToken()

    def stop_at_the_hash(event):
        if event.fraction is not None and event.fraction >= 0.95:
            token.cancel()

    weights = entry(served, url=url, sha256=SHA256)
    with pytest.raises(Cancelled):
        download(weights, own, Progress(stop_at_the_hash, token.check))
    assert [path.stat().st_size for path in partials(own)] == [len(DATA)]
    before = sum(1 for headers in served.bodies() if headers.get("range") is None)
    assert download(weights, own).read_bytes() == DATA
    assert sum(1 for headers in served.bodies() if headers.get("range") is None) == before


def test_passing_troubles_of_the_server_are_waited_for(served, own):
    served.fail_with = [503, 429]
    assert download(entry(served), own).read_bytes() == DATA


def test_a_connection_that_never_holds_gives_up_and_says_so(served, own):
    served.cut_after = [0] * 20
    with pytest.raises(EngineError, match=r"broke off 5 times in a row.*HF_ENDPOINT"):
        download(entry(served), own)
    assert len(served.bodies()) == 5 and not (own.cache / "test" / "w.safetensors").exists()


@pytest.mark.parametrize("stated", [{"sha256": "0" * 64}, {"md5": "0" * 32}], ids=["sha256", "md5"])
def test_a_wrong_hash_leaves_nothing(served, own, stated):
    with pytest.raises(EngineError) as caught:
        download(entry(served, **stated), own)
    assert re.search(r"its (sha256|md5) is [0-9a-f]+ and should be 0+", str(caught.value))
    assert left(own) == []


def test_the_hub_s_own_hash_counts_where_the_catalogue_states_none(served, own):
    served.instead = DATA[:-1] + b"\x01"
    with pytest.raises(EngineError, match="its sha256 is"):
        download(entry(served), own)
    assert left(own) == []


def test_a_file_of_another_size_than_was_published_is_not_begun(served, own):
    with pytest.raises(EngineError, match=f"now has {len(DATA)} bytes where 123 were published"):
        download(entry(served, bytes=123), own)
    assert served.bodies() == [] and left(own) == []
    with pytest.raises(EngineError, match="it is another file"):
        download(entry(served, url=True, bytes=123), own)
    assert left(own) == []


def test_a_good_file_survives_a_bad_download(served, own):
    path = download(entry(served), own)
    served.instead = DATA[:-1] + b"\x01"
    with pytest.raises(EngineError):
        download(entry(served), own, again=True)
    assert path.read_bytes() == DATA and left(own) == ["w.safetensors"]


@pytest.mark.parametrize(
    ("content_type", "says"),
    [("text/html; charset=utf-8", "answered with a web page"), ("binary/octet-stream", "it is a web page")],
)
def test_a_web_page_instead_of_a_checkpoint_is_recognised(served, own, content_type, says):
    served.instead, served.content_type = b"<!DOCTYPE html><html>please log in</html>", content_type
    with pytest.raises(EngineError, match=says):
        download(entry(served, url=True), own)
    assert left(own) == []


def test_a_truncated_checkpoint_is_recognised_without_a_hash(served, own):
    served.files[f"{REPO}/w.safetensors"] = DATA[:1000]
    with pytest.raises(EngineError, match="cut off"):
        download(entry(served, url=True), own)
    assert not (own.cache / "test" / "w.safetensors").exists()


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_repository_says_what_to_accept_and_how_to_log_in(served, own, status):
    served.refuse_with = status
    with pytest.raises(EngineError) as caught:
        download(entry(served), own)
    said = str(caught.value)
    assert f"{served.url}/{REPO}" in said and "hf auth login" in said and "HF_TOKEN" in said and str(status) in said


def test_a_file_that_was_taken_down(hub, own):
    with pytest.raises(EngineError, match=r"There is no someone/model/w\.safetensors any more"):
        download(entry(hub), own)
    with pytest.raises(EngineError, match="any more"):
        download(entry(hub, url=True), own)


def test_the_next_source_is_asked_where_the_first_refuses(served, own):
    weights = read_entry(
        {
            "id": "test/w",
            "what": "",
            "licence": {"name": "MIT"},
            "engines": [],
            "place": "test",
            "layouts": {},
            "files": [
                {
                    "name": "w.safetensors",
                    "sources": [
                        {"hub": "someone/gone", "file": "w.safetensors"},
                        {"url": f"{served.url}/release/{REPO}/w.safetensors"},
                    ],
                }
            ],
        }
    )
    assert download(weights, own).read_bytes() == DATA


def test_a_hub_that_cannot_be_reached(own, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EngineError, match=r"cannot be reached.*HF_ENDPOINT"):
        download(entry(hub), own)


@pytest.mark.parametrize("url", [False, True], ids=["hub", "release page"])
def test_offline_nothing_is_asked_and_the_way_by_hand_is_told(served, own, monkeypatch, url):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EngineError) as caught:
        download(entry(served, url=url), own)
    said = str(caught.value)
    assert "HF_HUB_OFFLINE" in said and str(own.cache / "test" / "w.safetensors") in said
    assert "deepsound models download test/w" in said and ("release" in said if url else REPO in said)
    assert served.asked == []


def test_offline_what_is_there_is_used(served, own, monkeypatch):
    path = download(entry(served), own)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert download(entry(served), own) == path


@pytest.mark.parametrize("hang", [False, True], ids=["slow", "hanging"])
def test_a_cancelled_download_stops_at_once_and_is_resumed(served, own, hang, monkeypatch):
    # Whoever does not notice a hanging server would wait for ten minutes.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 600)
    served.seconds_per_block, served.hang = 0.03, hang
    token = CancelToken()

    def cancel_after_some(event):
        if event.fraction is not None and event.fraction > 0.05:
            threading.Timer(0.0, token.cancel).start()
            cancelled_at.append(time.monotonic())

    cancelled_at = []
    with pytest.raises(Cancelled):
        download(entry(served, sha256=SHA256), own, Progress(cancel_after_some, token.check))
    assert time.monotonic() - cancelled_at[0] < 60
    assert not (own.cache / "test" / "w.safetensors").exists()
    served.seconds_per_block, served.hang = 0.0, False
    kept = partials(own)[0].stat().st_size
    assert 0 < kept < len(DATA)
    served.asked.clear()
    assert download(entry(served, sha256=SHA256), own).read_bytes() == DATA
    assert served.bodies()[0]["range"].startswith("bytes=") and served.bodies()[0]["range"] != "bytes=0-"


def test_no_room_is_noticed_before_anything_is_fetched(served, own, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(OutputError, match="no room") as caught:
        download(entry(served, bytes=len(DATA)), own)
    assert "0.00 GB are needed" in str(caught.value) and "DEEPSOUND_HOME" in str(caught.value)
    assert served.asked == []


def test_a_disk_that_fills_up_on_the_way(served, own, monkeypatch):
    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("deepsound.weights.transfer.os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        download(entry(served), own)
    assert not (own.cache / "test" / "w.safetensors").exists()


def test_a_folder_that_cannot_be_written(served, own):
    own.cache.mkdir()
    (own.cache / "test").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        download(entry(served), own)


def test_the_token_goes_to_the_hub_and_not_to_the_other_host(served, own, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download(entry(served), own)
    sent = {path.split("/")[1]: headers.get("authorization") for _, path, headers in served.asked}
    assert sent["someone"] == "Bearer hf_secret" and sent["cdn"] is None
    served.asked.clear()
    download(entry(served, url=True), own, again=True)
    assert all("authorization" not in headers for _, _, headers in served.asked)


def test_two_at_once_fetch_one_file_once(served, own):
    served.seconds_per_block = 0.005
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(download(entry(served, sha256=SHA256), own))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3 and len(served.bodies()) == 1 and left(own) == ["w.safetensors"]


@pytest.fixture
def folder(hub):
    first, second = save({"a": torch.ones(3)}), save({"b": torch.zeros(2)})
    hub.files |= {
        f"{REPO}/sub/config.json": b'{"model_type": "test"}',
        f"{REPO}/sub/README.md": b"no",
        f"{REPO}/sub/model-00001-of-00002.safetensors": first,
        f"{REPO}/sub/model-00002-of-00002.safetensors": second,
        f"{REPO}/other.json": b"{}",
    }
    return read_entry(
        {
            "id": "test/folder",
            "what": "",
            "licence": {"name": "MIT"},
            "engines": [],
            "kind": "folder",
            "place": "folder/it",
            "layouts": {"models": ["folder/it"]},
            "holds": ["config.json", "*.safetensors"],
            "sources": [{"hub": REPO, "folder": "sub", "only": ["*.json", "*.safetensors"]}],
        }
    )


def test_a_folder_is_fetched_file_by_file(hub, own, folder):
    path = download(folder, own)
    assert left(own) == ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert sorted(read_tensors(path)) == ["a", "b"]


def test_a_folder_counts_as_there_only_once_it_is_whole(hub, own, folder, monkeypatch):
    monkeypatch.setattr(transfer, "ATTEMPTS", 1)
    hub.cut_after = [1000, 20]
    with pytest.raises(EngineError):
        download(folder, own)
    assert "model-00001-of-00002.safetensors" in left(own) and "config.json" not in left(own)
    hub.asked.clear()
    assert sorted(read_tensors(download(folder, own))) == ["a", "b"]
    assert sum("model-00001" in path for _, path, _ in hub.asked) == 0


def test_names_in_a_repository_s_list_lead_nowhere_else(hub, own, folder):
    hub.files[f"{REPO}/sub/../../escaped.json"] = b"{}"
    download(folder, own)
    assert not [name for name in left(own) if "escaped" in name]


def test_an_optional_file_that_is_gone_does_no_harm(served, own):
    weights = read_entry(
        {
            "id": "test/w",
            "what": "",
            "licence": {"name": "MIT"},
            "engines": [],
            "place": "test",
            "layouts": {},
            "files": [
                {"name": "w.safetensors", "sources": [{"hub": REPO, "file": "w.safetensors"}]},
                {"name": "config.json", "sources": [{"hub": REPO, "file": "config.json"}], "optional": True},
            ],
        }
    )
    assert download(weights, own).is_file() and left(own) == ["w.safetensors"]
