"""Tests of malformed weight files: one EngineError that names the file."""

import json
import os
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from deepsound.errors import EngineError
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.weights.catalogue import weights
from deepsound.weights.convert import convert
from deepsound.weights.load import read_tensors
from deepsound.weights.search_paths import SearchPaths
from deepsound.weights.verify import verify
from tests.weights.conftest import put
from tests.weights.pickles import PROTO, archive, name, refused, stream, value

VAE = "mmaudio/vae_44k"


@pytest.mark.parametrize("content", [b"\x80", b"P", b"\x00", b"{", b"\x80\x02", b"PK\x03\x04", b"\x80\x05."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".ckpt"])
def test_files_of_one_byte_and_a_few_are_one_error(tmp_path, content, suffix):
    refused(put(tmp_path / f"w{suffix}", content))


def header(entry: object, size: int = 16) -> bytes:
    text = entry if isinstance(entry, bytes) else json.dumps({"a": entry}).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


GOOD = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    "content",
    [
        header({**GOOD, "data_offsets": [0, "16"]}),
        header({**GOOD, "data_offsets": [0, None]}),
        header({**GOOD, "data_offsets": [0, 16.0]}),
        header({**GOOD, "data_offsets": [0, [16]]}),
        header({**GOOD, "data_offsets": [0, 1 << 80]}),
        header({**GOOD, "data_offsets": [-16, 0]}),
        header({**GOOD, "data_offsets": [16, 0]}),
        header({**GOOD, "data_offsets": [0, 8]}),
        header({**GOOD, "data_offsets": 16}),
        header({**GOOD, "data_offsets": [0, 8, 16]}),
        header({**GOOD, "shape": None}),
        header({**GOOD, "shape": [-4]}),
        header({**GOOD, "shape": ["4"]}),
        header({**GOOD, "shape": [1 << 70, 0]}),
        header({**GOOD, "dtype": 3}),
        header({**GOOD, "dtype": ["F32"]}),
        header({**GOOD, "dtype": "O"}),
        header(None),
        header([1, 2]),
        header(b'{"a": ' + b"[" * 100_000),
        header(b'{"a":' * 50_000),
        header(b'{"a": ' + b"9" * 6000 + b"}"),
        header(b"{\xff\xfe}"),
        header(b'{"a": ' + json.dumps(GOOD).encode() + b', "b": ' + json.dumps(GOOD).encode() + b"}"),
        header(GOOD, size=1000),
    ],
    ids=range(25),
)
def test_safetensors_headers_that_lie_are_one_error(tmp_path, content):
    path = put(tmp_path / "w.safetensors", content)
    refused(path)
    (one,) = verify(weights(VAE), SearchPaths(explicit={VAE: path}))
    assert one.status == "damaged" and "w.safetensors" in one.detail


@pytest.mark.parametrize("file", ["w.safetensors", "w.pth"])
def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path, file):
    os.mkfifo(tmp_path / file)
    refused(tmp_path / file, "not a regular file")
    with pytest.raises(EngineError, match="not a regular file"):
        convert(tmp_path / file, "bf16")
    with pytest.raises(EngineError):
        read_tensors(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        '{"weight_map": null}',
        '{"weight_map": [1]}',
        '{"weight_map": 3}',
        '{"weight_map": {"a": {}}}',
        "[1]",
        "[" * 100_000,
        '{"weight_map": {"a": "../x"}}',
        '{"weight_map": {"a": "\\u0000"}}',
        f'{{"weight_map": {{"a": "{"x" * 5000}"}}}}',
    ],
    ids=range(9),
)
def test_an_index_that_is_no_index_is_one_error(tmp_path, content):
    put(tmp_path / "config.json", b"{}")
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    put(tmp_path / "model.safetensors.index.json", content.encode())
    with pytest.raises(EngineError, match=r"model\.safetensors\.index\.json|lacks|cannot be reached") as caught:
        VideoLLaMA2Checkpoint(tmp_path).files and VideoLLaMA2Checkpoint(tmp_path).has_tower
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("frames", ["1e999", '"many"', "[8]"])
def test_a_number_of_frames_that_is_none_is_one_error(tmp_path, frames):
    put(tmp_path / "config.json", f'{{"num_frames": {frames}}}'.encode())
    with pytest.raises(EngineError, match="cannot be used"):
        VideoLLaMA2Checkpoint(tmp_path).frames  # noqa: B018


def test_verify_reports_deep_json_and_goes_on(tmp_path):
    for file, content in (("config.json", b"[" * 200_000), ("model.safetensors.index.json", b'{"a":' * 90_000)):
        put(tmp_path / file, content)
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    found = verify(weights("videollama2/av_cot"), SearchPaths(explicit={"videollama2/av_cot": tmp_path}))
    assert [(one.path.name, one.status) for one in found] == [
        ("config.json", "damaged"),
        ("model.safetensors", "readable"),
        ("model.safetensors.index.json", "damaged"),
    ]


@pytest.mark.parametrize("wrapped", [archive, stream])
def test_verify_and_convert_are_as_safe_as_loading(tmp_path, wrapped):
    path = wrapped(tmp_path / "w.pth", PROTO + name("posix.system") + value(("touch it_ran",)) + b"R.")
    (one,) = verify(weights(VAE), SearchPaths(explicit={VAE: path}))
    assert one.status == "damaged" and "posix.system" in one.detail
    with pytest.raises(EngineError, match=r"posix\.system"):
        convert(path, "bf16")
    assert not Path("it_ran").exists() and list(tmp_path.glob("*.safetensors")) == []


def test_control_characters_of_a_file_stay_out_of_the_message(tmp_path):
    """The name of a record that is missing came into the message as it was, a NUL or an escape sequence for one."""
    path = tmp_path / "w.pth"
    good = tmp_path / "good.pth"
    torch.save({"a": torch.zeros(4)}, good)
    pickled = zipfile.ZipFile(good).read("good/data.pkl")
    assert b"X\x01\x00\x00\x000" in pickled
    with zipfile.ZipFile(path, "w") as whole:
        whole.writestr("w/data.pkl", pickled.replace(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x00\x1b"))
        whole.writestr("w/version", "3")
    with pytest.raises(EngineError, match="lacks the record") as raised:
        read_tensors(path)
    assert str(raised.value).isprintable()
