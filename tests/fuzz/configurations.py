"""Fuzzing target: settings beside weights, JSON and YAML, read as the engines read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
import yaml
from safetensors.torch import save, save_file

from deepsound.generate.foleycrafter.checkpoint import FoleyCrafterCheckpoint
from deepsound.generate.mmaudio import checkpoint as mmaudio
from deepsound.models.bigvgan.config import BigVganConfig
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.separate.checkpoints import fit_to_checkpoint, load, separation
from tests.fuzz.targets import Target
from tests.separate.small import SMALL, tensors_of, write

_VOCODER = {
    "num_mels": 256,
    "upsample_rates": [5, 4, 2, 2, 2],
    "upsample_kernel_sizes": [16, 16, 8, 4, 4],
    "upsample_initial_channel": 1024,
    "resblock": "1",
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "sampling_rate": 16000,
    "activation": "snakebeta",
    "snake_logscale": True,
}
_LANGUAGE = {"hidden_size": 8, "num_frames": 8, "eos_token_id": [1, 2], "repetition_penalty": 1.05, "vocab_size": 10}


def seeds(folder: Path) -> list[Path]:
    """Valid settings of each kind, named after what they are."""
    settings = json.loads(write(folder / "small.ckpt").with_suffix(".json").read_text())
    (folder / "small.ckpt").unlink()
    settings["model"] = json.loads(json.dumps(settings["model"]))
    settings["training"] = {"instruments": ["vocals", "other"], "target_instrument": "vocals"}
    (folder / "small.json").rename(folder / "separator.json")
    (folder / "separator.json").write_text(json.dumps(settings))
    (folder / "separator.yaml").write_text(yaml.safe_dump(settings).replace("bands:\n", "bands: !!python/tuple\n"))
    (folder / "vocoder.json").write_text(json.dumps(_VOCODER))
    (folder / "language.json").write_text(json.dumps(_LANGUAGE))
    (folder / "index.json").write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}}))
    return sorted(folder.iterdir())


def read(path: Path) -> None:
    _READERS[path.stem](path)


@cache
def _separator() -> bytes:
    return save(tensors_of(SMALL))


def _read_separator(path: Path) -> None:
    weights = path.with_suffix(".safetensors")
    weights.write_bytes(_separator())
    found = fit_to_checkpoint(separation("bs_roformer"), weights)
    load(found.network, weights, torch.float32)


def _read_vocoder(path: Path) -> None:
    settings = path.rename(path.with_name("config.json"))
    vocoder = path.with_name("vocoder.pt")
    content = mmaudio._read_settings("vocoder", vocoder)
    if content:
        mmaudio._read_config(settings, BigVganConfig.from_json, content)
    _ = FoleyCrafterCheckpoint(*[path.parent] * 4, vocoder, path.parent).vocoder_config


def _read_language(path: Path) -> None:
    settings = path.rename(path.with_name("config.json"))
    save_file({"a": torch.ones(1)}, settings.with_name("model.safetensors"))
    checkpoint = VideoLLaMA2Checkpoint(settings.parent)
    _ = checkpoint.generation, checkpoint.frames, checkpoint.config


def _read_index(path: Path) -> None:
    path.rename(path.with_name("model.safetensors.index.json"))
    path.with_name("config.json").write_text("{}")
    save_file({"a": torch.ones(1)}, path.with_name("model.safetensors"))
    _ = VideoLLaMA2Checkpoint(path.parent).has_tower


_READERS = {
    "separator": _read_separator,
    "vocoder": _read_vocoder,
    "language": _read_language,
    "index": _read_index,
}
TARGET = Target(seeds, read, text=True)
