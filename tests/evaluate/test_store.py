"""Features on disk: whole or not there, by content, and not lost when the disk is full."""

import errno

import numpy as np
import pytest
import torch

from deepsound.errors import MediaError
from deepsound.evaluate import store as storing
from deepsound.evaluate.store import FeatureStore, Key

KEY = Key("panns", "1, 8 s", "ab12")
TENSORS = {"features": torch.arange(6.0).reshape(2, 3), "none": torch.zeros(0, 2)}


def test_what_is_kept_comes_back_the_same_in_another_process_s_store(tmp_path):
    FeatureStore(tmp_path).put(KEY, TENSORS)
    again = FeatureStore(tmp_path)
    assert KEY in again and np.array_equal(again.get(KEY)["features"], TENSORS["features"].numpy())
    assert again.get(KEY)["none"].shape == (0, 2)


@pytest.mark.parametrize(
    "other", [Key("passt", "1, 8 s", "ab12"), Key("panns", "2, 8 s", "ab12"), Key("panns", "1, 8 s", "ab13")]
)
def test_extractor_version_and_content_are_all_in_the_key(tmp_path, other):
    store = FeatureStore(tmp_path)
    store.put(KEY, TENSORS)
    assert other not in store and store.get(other) is None


def test_a_damaged_file_counts_as_not_there(tmp_path):
    store = FeatureStore(tmp_path)
    store.put(KEY, TENSORS)
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:40])
    assert store.get(KEY) is None and KEY not in store


def test_a_full_disk_loses_nothing_and_is_told(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    store = FeatureStore(tmp_path)
    store.put(KEY, TENSORS)
    assert KEY in store and np.array_equal(store.get(KEY)["features"], TENSORS["features"].numpy())
    assert "disk is full" in store.trouble and not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_file_is_read_once_as_long_as_it_is_the_same(tmp_path, monkeypatch):
    file = tmp_path / "a.wav"
    file.write_bytes(b"one")
    with FeatureStore(tmp_path / "cache") as store:
        first = store.digest(file)
    read = []
    monkeypatch.setattr(storing, "_content_digest", lambda path: read.append(path) or "new")
    with FeatureStore(tmp_path / "cache") as store:
        assert store.digest(file) == first and not read
        file.write_bytes(b"another")
        assert store.digest(file) == "new" and read == [file]
        with pytest.raises(MediaError):
            store.digest(tmp_path / "gone.wav")


def test_a_memory_that_is_no_memory_is_begun_anew(tmp_path):
    (tmp_path / "files.json").write_text("[1, 2")
    (tmp_path / "a.wav").write_bytes(b"x")
    assert FeatureStore(tmp_path).digest(tmp_path / "a.wav")
