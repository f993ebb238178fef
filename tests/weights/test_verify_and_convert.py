"""Checking files against what is published, and rewriting them in another precision."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from deepsound.errors import Cancelled, EngineError, InputError, OutputError
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.weights.catalogue import PublishedFile, UrlSource, weights
from deepsound.weights.convert import convert, converted_name
from deepsound.weights.memory_estimate import footprint
from deepsound.weights.search_paths import SearchPaths
from deepsound.weights.verify import verify
from tests.weights.conftest import put

DATA = save({"a": torch.arange(1000, dtype=torch.float32)})
HASHES = {"sha256": hashlib.sha256(DATA).hexdigest(), "md5": hashlib.md5(DATA, usedforsecurity=False).hexdigest()}
VAE = "mmaudio/vae_44k"


def checked(path, **stated):
    published = PublishedFile(path.name, (UrlSource("https://example.org/w"),), **stated)
    entry = replace(weights(VAE), files=(published,), editions=())
    (one,) = verify(entry, SearchPaths(explicit={VAE: path}))
    assert one.path == path
    return one.status, one.detail


@pytest.mark.parametrize(
    ("stated", "status", "detail"),
    [
        (HASHES, "verified", "sha256 and md5 as published"),
        ({"md5": HASHES["md5"]}, "verified", "md5 as published"),
        ({"bytes": len(DATA)}, "readable", "size as published"),
        ({}, "readable", "no hash"),
        ({"bytes": 5}, "damaged", f"has {len(DATA)} bytes and should have 5"),
        ({"md5": HASHES["md5"], "sha256": "0" * 64}, "damaged", "its sha256 is"),
    ],
)
def test_what_is_stated_is_compared(tmp_path, stated, status, detail):
    found = checked(put(tmp_path / "w.safetensors", DATA), **stated)
    assert found[0] == status and detail in found[1]


@pytest.mark.parametrize(
    ("content", "detail"), [(DATA[:500], "cut off"), (b"<html></html>", "web page"), (b"", "empty")]
)
def test_damaged_files_are_damaged_whatever_is_stated(tmp_path, content, detail):
    found = checked(put(tmp_path / "w.safetensors", content))
    assert found[0] == "damaged" and detail in found[1]


def test_one_flipped_byte_is_noticed(tmp_path):
    flipped = bytearray(DATA)
    flipped[-3] ^= 1
    assert checked(put(tmp_path / "w.safetensors", bytes(flipped)), **HASHES)[0] == "damaged"
    assert checked(put(tmp_path / "w.safetensors", bytes(flipped)))[0] == "readable"


def test_a_known_edition_is_compared_with_its_own_hash(tmp_path):
    path = put(tmp_path / "v1-44_fp16.safetensors", DATA)
    edition = PublishedFile(path.name, (UrlSource("https://example.org/w"),), sha256=HASHES["sha256"])
    entry = replace(weights(VAE), editions=(edition,))
    assert verify(entry, SearchPaths(explicit={VAE: path}))[0].status == "verified"


def test_what_is_not_there_is_missing(own):
    assert [one.status for one in verify(weights(VAE), own)] == ["missing"]
    (one,) = verify(weights(VAE), SearchPaths(explicit={VAE: own.cache / "gone.pth"}))
    assert one.status == "missing" and "gone.pth" in one.detail


def test_every_file_of_a_folder_and_every_companion_is_checked(tmp_path):
    folder = tmp_path / "model"
    put(folder / "config.json", b"{}")
    put(folder / "model-00001-of-00002.safetensors", DATA)
    put(folder / "model-00002-of-00002.safetensors", DATA[:300])
    found = verify(weights("videollama2/av_cot"), SearchPaths(explicit={"videollama2/av_cot": folder}))
    assert [one.status for one in found] == ["readable", "readable", "damaged"]
    torch.save({"generator": {"a": torch.ones(2)}}, put(tmp_path / "v" / "bigvgan_generator.pt"))
    put(tmp_path / "v" / "config.json", b"{ not json")
    entry = replace(weights("bigvgan/v2_44k"), editions=())
    found = verify(entry, SearchPaths(explicit={entry.id: tmp_path / "v"}))
    assert [(one.path.name, one.status) for one in found] == [
        ("bigvgan_generator.pt", "damaged"),
        ("config.json", "damaged"),
    ]


def test_verifying_can_be_cancelled(tmp_path):
    token = CancelToken()
    token.cancel()
    entry = replace(weights(VAE), files=(PublishedFile("w.safetensors", (), md5="0" * 32),))
    with pytest.raises(Cancelled):
        verify(entry, SearchPaths(explicit={VAE: put(tmp_path / "w.safetensors", DATA)}), Progress(check=token.check))


TENSORS = {"a": torch.linspace(-1, 1, 50), "steps": torch.arange(4), "half": torch.ones(3, dtype=torch.float16)}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_conversion_keeps_names_integers_and_values(tmp_path, precision, dtype):
    torch.save({"state_dict": TENSORS, "epoch": 3}, tmp_path / "w.pth")
    path = convert(tmp_path / "w.pth", precision)
    assert path == tmp_path / f"w_{precision}.safetensors"
    written = load_file(path)
    assert written.keys() == TENSORS.keys() and written["steps"].dtype == torch.int64
    torch.testing.assert_close(written["a"], TENSORS["a"].to(dtype), rtol=0, atol=0)
    assert written["half"].dtype == dtype
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.is_file()) == ["w.pth", path.name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v1-44.pth", "v1-44_bf16.safetensors"),
        ("mmaudio_vae_44k_fp16.safetensors", "mmaudio_vae_44k_bf16.safetensors"),
        ("ep_317_sdr_12.9755.ckpt", "ep_317_sdr_12.9755_bf16.safetensors"),
        ("w_fp32.pt", "w_bf16.safetensors"),
    ],
)
def test_converted_files_are_named_after_their_precision(tmp_path, name, expected):
    assert converted_name(tmp_path / name, "bf16") == tmp_path / expected


def test_tensors_that_share_memory_are_parted(tmp_path):
    table = torch.arange(6.0).reshape(2, 3)
    torch.save({"one": table, "two": table, "turned": table.T}, tmp_path / "w.pth")
    written = load_file(convert(tmp_path / "w.pth", "fp32"))
    assert torch.equal(written["two"], table) and torch.equal(written["turned"], table.T)


def test_settings_go_along_to_another_folder(tmp_path):
    torch.save(TENSORS, tmp_path / "w.pth")
    put(tmp_path / "config.json", b'{"num_mels": 128}')
    (tmp_path / "out").mkdir()
    convert(tmp_path / "w.pth", "bf16", tmp_path / "out" / "w.safetensors")
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == {"num_mels": 128}


def test_numbers_too_large_for_fp16_are_not_made_infinite(tmp_path):
    torch.save({"a": torch.tensor([1.0, 1e6])}, tmp_path / "w.pth")
    with pytest.raises(EngineError, match="too large for fp16; convert it to bf16"):
        convert(tmp_path / "w.pth", "fp16")
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix == ".safetensors"] == []


def test_what_cannot_be_converted_says_why(tmp_path):
    torch.save({"model": {"a": torch.ones(1)}, "ema": {"a": torch.ones(1)}}, tmp_path / "two.pth")
    with pytest.raises(EngineError, match=r"several sets of tensors \(ema, model\)"):
        convert(tmp_path / "two.pth", "bf16")
    with pytest.raises(InputError, match="int3"):
        convert(tmp_path / "two.pth", "int3")
    save_file({"a": torch.ones(1)}, tmp_path / "w.safetensors")
    put(tmp_path / "w_bf16.safetensors", b"precious")
    with pytest.raises(OutputError, match="exists already"):
        convert(tmp_path / "w.safetensors", "bf16")
    assert (tmp_path / "w_bf16.safetensors").read_bytes() == b"precious"
    assert load_file(convert(tmp_path / "w.safetensors", "bf16", overwrite=True))["a"].dtype == torch.bfloat16


def test_footprints_follow_the_parameter_counts():
    large = footprint(weights("mmaudio/large_44k_v2"))
    assert large == {"fp32": 4 * 1_030_575_608, "bf16": 2 * 1_030_575_608, "int8": None, "nf4": None}
    reasoner = footprint(weights("videollama2/av_cot"))
    assert [round(reasoner[name] / 1e9, 1) for name in ("bf16", "int8", "nf4")] == [17.1, 10.5, 7.4]
    assert footprint(weights("clip/bpe")) == dict.fromkeys(("fp32", "bf16", "int8", "nf4"))
