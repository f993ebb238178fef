"""Tests of weight hashes: right, cached, harmless where no cache can be written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from deepsound.errors import Cancelled
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.weights import fingerprint
from deepsound.weights.fingerprint import sha256_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"some weights")
    return path


def test_the_hash_is_right_and_the_file_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = hashlib.sha256(b"some weights").hexdigest()
    assert sha256_of(file) == expected

    def refuse(*_: object) -> str:
        raise AssertionError("the file was read again")

    monkeypatch.setattr(fingerprint, "file_digests", refuse)
    assert sha256_of(file) == expected


def test_a_file_that_changed_is_read_again(file: Path) -> None:
    before = sha256_of(file)
    file.write_bytes(b"more weights")
    os.utime(file, ns=(1, 1))
    assert sha256_of(file) == hashlib.sha256(b"more weights").hexdigest() != before


@pytest.mark.parametrize("content", ["not json", "[1, 2]", '{"a": 7}'])
def test_a_damaged_memory_counts_as_empty(file: Path, home: Path, content: str) -> None:
    home.mkdir()
    (home / "hashes.json").write_text(content)
    assert sha256_of(file) == hashlib.sha256(b"some weights").hexdigest()


def test_without_a_folder_to_write_to_it_still_works(file: Path, home: Path) -> None:
    home.write_text("a file where the folder should be")
    assert sha256_of(file) == hashlib.sha256(b"some weights").hexdigest()


def test_reading_can_be_cancelled(file: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        sha256_of(file, Progress(check=token.check))
