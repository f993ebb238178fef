"""Fuzzing target: checkpoints in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from deepsound.weights.catalogue import weights
from deepsound.weights.convert import convert
from deepsound.weights.load import read_tensors
from deepsound.weights.search_paths import SearchPaths
from deepsound.weights.verify import verify
from tests.fuzz.targets import Target

_ID = "mmaudio/vae_44k"


def seeds(folder: Path) -> list[Path]:
    """A small checkpoint per format, with shared tensors, every usual type, and a trainer's arrays."""
    table = torch.arange(12.0).reshape(3, 4)
    state = {"a": table, "b": table.T, "c": torch.ones(5).half(), "d": torch.arange(4), "e": torch.ones(2).bfloat16()}
    trained = {"model": state, "sampler": [np.arange(9), np.float64(0.5)], "epoch": 3, "names": {"x", "y"}}
    torch.save(state, folder / "flat.pth")
    torch.save(trained, folder / "trained.ckpt")
    torch.save(trained, folder / "old.pt", _use_new_zipfile_serialization=False)
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, folder / "flat.safetensors")
    return sorted(folder.iterdir())


def read(path: Path) -> None:
    (found,) = verify(weights(_ID), SearchPaths(explicit={_ID: path}))
    assert found.status in ("readable", "damaged") and found.detail
    for value in _tensors(read_tensors(path)):
        value.float().sum()
    convert(path, "bf16", path.with_name("converted.safetensors"))


def _tensors(content: object, depth: int = 3) -> list[torch.Tensor]:
    """The tensors in nested dictionaries, which may hold themselves."""
    if isinstance(content, torch.Tensor):
        return [content]
    if not isinstance(content, dict) or not depth:
        return []
    return [one for value in content.values() for one in _tensors(value, depth - 1)]


TARGET = Target(seeds, read)
