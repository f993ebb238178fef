"""Tests of encoder outputs on disk: shared, bounded, damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from deepsound.batch.settings import BatchSettings
from deepsound.runtime import feature_cache as module
from deepsound.runtime.feature_cache import FeatureCache
from deepsound.runtime.feature_files import FeatureFiles
from deepsound.runtime.model_cache import NetworkKey

KEY = (NetworkKey("clip", "clip.pth 12 34", "bfloat16"), "cpu", "pictures", "abc")
FEATURES = torch.arange(12, dtype=torch.bfloat16).reshape(3, 4)


def never() -> torch.Tensor:
    raise AssertionError("computed again")


def worker(folder: Path) -> FeatureCache:
    """The cache of a process of its own."""
    cache = FeatureCache()
    cache.files = FeatureFiles(folder)
    return cache


def test_what_one_worker_encoded_another_one_reads(tmp_path: Path) -> None:
    worker(tmp_path).get(KEY, lambda: FEATURES)
    shared = worker(tmp_path).get(KEY, never)
    assert shared.dtype == torch.bfloat16 and torch.equal(shared, FEATURES)
    other = (NetworkKey("clip", "clip.pth 12 35", "bfloat16"), *KEY[1:])
    assert torch.equal(worker(tmp_path).get(other, lambda: FEATURES + 1), FEATURES + 1)


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    worker(tmp_path).get(KEY, lambda: FEATURES)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"half a fi")
    assert torch.equal(worker(tmp_path).get(KEY, lambda: FEATURES), FEATURES)
    assert torch.equal(worker(tmp_path).get(KEY, never), FEATURES)


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert torch.equal(worker(tmp_path / "file").get(KEY, lambda: FEATURES), FEATURES)


def test_a_key_that_is_not_the_same_in_every_process_stays_in_memory(tmp_path: Path) -> None:
    worker(tmp_path).get((KEY, object()), lambda: FEATURES)
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    files = FeatureFiles(tmp_path, budget_bytes=3 * 500)
    for number in range(4):
        files.save(("features", number), torch.zeros(100))
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
        assert number < 2 or files.load(("features", 0)) is not None
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1500
    assert [number for number in range(4) if files.load(("features", number)) is not None] == [0, 2, 3]


def test_the_workers_of_a_batch_share_a_folder_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path))
    cache = FeatureCache()
    monkeypatch.setattr(module, "feature_cache", lambda: cache)
    BatchSettings({"generator": "draft", "reasoner": "rules", "separator": "bs_roformer_tiny"}).pipeline()
    assert cache.files is not None and cache.files.folder == tmp_path / "features" / "encoders"
