"""Tests of checkpoint loading: formats, damage, filling networks without copies."""

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepsound.errors import EngineError
from deepsound.weights.load import load_into_meta, read_tensors


class Small(nn.Module):
    """Two layers, a buffer that is stored, and one that is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 2, bias=False)
        self.register_buffer("mean", torch.full((2,), float("nan")))
        self.register_buffer("window", torch.hann_window(8), persistent=False)
        self.register_buffer("steps", torch.arange(3), persistent=False)


@pytest.fixture
def state():
    torch.manual_seed(1)
    network = Small()
    network.mean = torch.tensor([1.0, 2.0])
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def assert_same(read, expected):
    assert read.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(read[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".ckpt", ".bin"])
def test_every_format_reads_the_same(state, tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    assert_same(read_tensors(path), state)
    assert_same(read_tensors(str(path)), state)


def test_the_content_decides_and_not_the_name(state, tmp_path):
    save_file(state, tmp_path / "really_safetensors.pth")
    torch.save(state, tmp_path / "really_torch.safetensors")
    assert_same(read_tensors(tmp_path / "really_safetensors.pth"), state)
    assert_same(read_tensors(tmp_path / "really_torch.safetensors"), state)


def test_files_of_before_torch_1_6_are_read_too(state, tmp_path):
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert_same(read_tensors(tmp_path / "old.pth"), state)


@pytest.mark.parametrize("module", [b"numpy.core", b"numpy._core"])
def test_what_a_trainer_sampled_may_lie_beside_the_tensors(state, tmp_path, module):
    sampler = {"indexes": [np.arange(3), np.zeros(2, np.float32)], "share": np.float64(0.5), "pointers": [0, 2]}
    torch.save(
        {"iteration": 600000, "model": state, "sampler": sampler},
        tmp_path / "trained.pth",
        _use_new_zipfile_serialization=False,
    )
    written = (tmp_path / "trained.pth").read_bytes()
    (tmp_path / "trained.pth").write_bytes(
        written.replace(b"numpy._core.", b"numpy.core.").replace(b"numpy.core.", module + b".")
    )
    assert_same(read_tensors(tmp_path / "trained.pth", unwrap=("model",)), state)
    np.testing.assert_array_equal(read_tensors(tmp_path / "trained.pth")["sampler"]["indexes"][0], [0, 1, 2])


@pytest.mark.parametrize("zipped", [True, False])
def test_beside_arrays_too_nothing_runs(state, tmp_path, zipped):
    marker = tmp_path / "it_ran"
    torch.save(
        {"model": state, "sampler": np.arange(3), "b": Attack(f"touch {marker}")},
        tmp_path / "w.pth",
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(EngineError, match="system"):
        read_tensors(tmp_path / "w.pth")
    hidden = np.array([Attack(f"touch {marker}")], dtype=object)
    torch.save({"model": state, "sampler": hidden}, tmp_path / "o.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(EngineError):
        read_tensors(tmp_path / "o.pth")
    assert not marker.exists()


def test_wrappers_stay_unless_named(state, tmp_path):
    torch.save({"generator": state, "epoch": 3}, tmp_path / "w.pt")
    assert_same(read_tensors(tmp_path / "w.pt")["generator"], state)
    assert_same(read_tensors(tmp_path / "w.pt", unwrap=("state_dict", "generator")), state)
    save_file(state, tmp_path / "flat.safetensors")
    assert_same(read_tensors(tmp_path / "flat.safetensors", unwrap=("generator",)), state)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_tensors_are_mapped_and_writing_to_them_leaves_the_file_alone(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    tensors = {"a": torch.zeros(1000), "b": torch.ones(1000)}
    save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
    before = path.read_bytes()
    read = read_tensors(path)
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(path) in maps.read_text()
    read["a"].fill_(7.0)
    del read
    assert path.read_bytes() == before


def test_a_folder_of_shards_is_read_whole(state, tmp_path):
    names = sorted(state)
    save_file({name: state[name] for name in names[:2]}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({name: state[name] for name in names[2:]}, tmp_path / "model-00002-of-00002.safetensors")
    assert_same(read_tensors(tmp_path), state)


def test_a_missing_shard_is_noticed(state, tmp_path):
    save_file(state, tmp_path / "model-00002-of-00003.safetensors")
    with pytest.raises(EngineError, match="1 of 3 files"):
        read_tensors(tmp_path)


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError, match="holds no weights"):
        read_tensors(tmp_path)


class Attack:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_wants_to_run_code_is_refused_and_does_not_run(tmp_path, zipped):
    marker = tmp_path / "it_ran"
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1), "b": Attack(f"touch {marker}")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(EngineError) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value) and "system" in str(caught.value) and "safetensors" in str(caught.value)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_bare_pickle_is_refused_and_does_not_run(tmp_path):
    marker = tmp_path / "it_ran"
    (tmp_path / "w.ckpt").write_bytes(pickle.dumps(Attack(f"touch {marker}")))
    with pytest.raises(EngineError, match=r"w\.ckpt"):
        read_tensors(tmp_path / "w.ckpt")
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_truncated_files_say_so(state, tmp_path, suffix, share):
    path = tmp_path / f"w{suffix}"
    state["first.weight"] = torch.ones(40, 30)
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(EngineError, match=r"cut off|damaged") as caught:
        read_tensors(path)
    assert str(path) in str(caught.value) and "get it again" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><title>404</title></html>", "web page"),
        (b"\xef\xbb\xbf \n<html><body>Sign in</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "Git LFS pointer"),
        (b'{"error": "Repository not found"}', "a text"),
        (b"Access denied", "a text"),
        (bytes(range(1, 200)) * 3, "no format"),
        (struct.pack("<Q", 40) + b"{" + b"x" * 39, "header is damaged"),
        (struct.pack("<Q", 20) + json.dumps({"a": [1, 2, 3, 4]}).encode().ljust(20), "header is damaged"),
        (struct.pack("<Q", 90_000_000) + b"{" + b"x" * 39, "cut off"),
    ],
    ids=["empty", "page", "marked page", "pointer", "json", "text", "noise", "header", "no offsets", "long header"],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, says):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=says) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


def test_a_zip_file_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("readme.txt", "no tensors here")
    with pytest.raises(EngineError, match="damaged"):
        read_tensors(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "content",
    [[torch.ones(2)], {"epoch": 3}, {1: torch.ones(2)}, torch.ones(3)],
    ids=["list", "numbers", "unnamed", "one tensor"],
)
def test_a_torch_file_without_named_tensors(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(EngineError, match="not tensors by name"):
        read_tensors(tmp_path / "w.pt")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(EngineError, match=r"gone\.pth cannot be read: No such file"):
        read_tensors(tmp_path / "gone.pth")


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("asked", [torch.float32, torch.bfloat16, torch.float16])
def test_every_precision_fills_into_every_other(state, tmp_path, stored, asked):
    save_file({name: tensor.to(stored) for name, tensor in state.items()}, tmp_path / "w.safetensors")
    network = load_into_meta(Small, read_tensors(tmp_path / "w.safetensors"), asked, tmp_path / "w.safetensors")
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == asked and not tensor.is_meta
        torch.testing.assert_close(tensor, state[name].to(stored).to(asked), rtol=0, atol=0)
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


def test_computed_buffers_have_their_values(state):
    network = load_into_meta(Small, state, torch.float32, "memory")
    torch.testing.assert_close(network.window, torch.hann_window(8))
    torch.testing.assert_close(network.steps, torch.arange(3))
    assert network.first(torch.ones(3)).shape == (4,)
    halved = load_into_meta(Small, state, torch.float16, "memory")
    assert halved.window.dtype == torch.float16 and halved.steps.dtype == torch.int64


def test_filling_takes_tensors_of_the_right_type_as_they_are(state):
    network = load_into_meta(Small, state, torch.float32, "memory")
    assert network.first.weight.data_ptr() == state["first.weight"].data_ptr()


def test_names_and_shapes_that_are_wrong_are_all_named(state, tmp_path):
    del state["second.weight"]
    state["mean"] = torch.ones(5)
    state |= {f"other.{number}": torch.ones(1) for number in range(8)}
    with pytest.raises(EngineError) as caught:
        load_into_meta(Small, state, torch.float32, tmp_path / "wrong.pth")
    said = str(caught.value)
    assert "wrong.pth" in said and "1 missing: second.weight" in said
    assert "8 unexpected: other.0, other.1, other.2, other.3, other.4 and 3 more" in said
    assert "1 of another shape: mean is 5 and should be 2" in said


def test_building_for_buffers_alone_draws_nothing_and_leaves_the_generator_alone(state):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_into_meta(Small, state, torch.float32, "memory")
    assert torch.equal(torch.rand(1), expected)
