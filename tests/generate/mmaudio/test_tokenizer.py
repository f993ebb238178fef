"""Tests of reading CLIP's byte-pair table in both its forms."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from deepsound.errors import EngineError
from deepsound.generate import clip_tokenizer as tokens
from deepsound.models.clip.tokenizer import MERGES

TABLE = "\n".join(["#version: 0.2", *(f"{number:x} x" for number in range(MERGES + 5)), ""])


@pytest.fixture
def merges(tmp_path: Path) -> Path:
    path = tmp_path / "merges.txt"
    path.write_text(TABLE)
    return path


def test_plain_and_gzipped_tables_hold_the_same_pairs(tmp_path: Path, merges: Path) -> None:
    zipped = tmp_path / "bpe.txt.gz"
    zipped.write_bytes(gzip.compress(TABLE.encode()))
    pairs = tokens.read_merges(merges)
    assert tokens.read_merges(zipped) == pairs
    assert (pairs[0], pairs[-1], len(pairs)) == (("0", "x"), (f"{MERGES - 1:x}", "x"), MERGES)


def test_the_whole_vocabulary_has_clips_size(merges: Path) -> None:
    start, end = tokens.tokenizer(merges)([""])[0, :2].tolist()
    assert (start, end) == (49406, 49407)


@pytest.mark.parametrize("name", ["merges.txt", "merges.txt.gz"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00rubbish", TABLE.encode()[:5000], gzip.compress(b"\xff")[:9]],
    ids=["empty", "rubbish", "cut off", "cut off gzip"],
)
def test_a_damaged_table_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"merges\.txt.*get the file again"):
        tokens.tokenizer(path)


def test_no_table_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "find_spec", lambda name: None)
    tokens.tokenizer.cache_clear()
    with pytest.raises(EngineError, match="install open_clip_torch"):
        tokens.tokenizer()
