"""Saves a trained reasoner in the published form, or as an adapter."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepsound.media.files import atomic_write, require_writable
from deepsound.models.beats.weights import BIAS, first_layer_name
from deepsound.models.videollama2.weights import AUDIO_TOWER, separate_audio
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.runtime.paths import is_file
from deepsound.train.checkpoint_file import write_tensors
from deepsound.train.joint_model import published_name
from deepsound.train.reasoner.recipe import LoraSettings
from deepsound.weights.load import read_tensors
from deepsound.weights.lora import CONFIG, WEIGHTS, LoraFile, LoraUpdate, merge

_INDEX = "model.safetensors.index.json"
_WEIGHT_FILES = re.compile(r".*\.(?:safetensors|bin|pt|pth|index\.json)$")
_SETTINGS = (".json", ".txt", ".jinja", ".model")
_FORMAT = {"format": "pt"}
_LORA = re.compile(r"(?P<module>.*)\.lora_(?P<side>[AB])\.default\.weight$")


@dataclass(frozen=True, eq=False)
class TrainedTensors:
    """What has learnt, by published names: `whole` tensors and LoRA `updates`."""

    whole: Mapping[str, Tensor]
    updates: Mapping[str, LoraUpdate]


def trained_tensors(learnt: Mapping[str, Tensor], lora: LoraSettings | None) -> TrainedTensors:
    """The trained parameters of JointModel, by their names there, sorted out."""
    whole: dict[str, Tensor] = {}
    sides: dict[str, dict[str, Tensor]] = {}
    for name, tensor in learnt.items():
        found = _LORA.match(name)
        if found:
            sides.setdefault(published_name(found["module"]), {})[found["side"]] = tensor.detach().cpu()
        else:
            whole[published_name(name.replace(".base_layer.", "."))] = tensor.detach().cpu()
    scale = lora.alpha / lora.rank if lora else 1.0
    updates = {f"{module}.weight": LoraUpdate(pair["A"], pair["B"], scale) for module, pair in sides.items()}
    return TrainedTensors(whole, updates)


def save_merged(trained: TrainedTensors, base: VideoLLaMA2Checkpoint, out: Path) -> None:
    """The base's folder with the trained tensors in it, each in the base's own precision, shard by shard.

    A copy of BEATs' shared bias table is written for each layer, as published. Weights take their place only once all
    shards are written. Raises OutputError where the disk is full or refuses.
    """
    require_writable(out)
    _copy_settings(base.folder, out)
    if base.audio_files:
        _state_audio(base, out)
    lora = LoraFile(out, trained.updates)
    placed: dict[str, str] = {}
    total = 0
    for file, tensors in _shards(base):
        touched = {name: update for name, update in lora.updates.items() if name in tensors}
        shard = merge(tensors, LoraFile(out, touched)) if touched else dict(tensors)
        for name in tensors:
            learnt = trained.whole.get(first_layer_name(name))
            if learnt is not None:
                shard[name] = learnt.to(tensors[name].dtype)
        write_tensors({name: tensor.clone().contiguous() for name, tensor in shard.items()}, out / file, _FORMAT)
        placed |= dict.fromkeys(shard, file)
        total += sum(tensor.nbytes for tensor in shard.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(placed.items()))}
    with atomic_write(out / _INDEX) as partial:
        partial.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def save_adapter(trained: TrainedTensors, base: VideoLLaMA2Checkpoint, lora: LoraSettings, out: Path) -> None:
    """The adapter alone, in peft's form; it names the base, which has to stay where it is."""
    require_writable(out)
    tensors = {f"base_model.model.{name}": tensor.contiguous() for name, tensor in trained.whole.items()}
    for name, update in trained.updates.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        tensors[f"{module}.lora_A.weight"] = update.down.contiguous()
        tensors[f"{module}.lora_B.weight"] = update.up.contiguous()
    write_tensors(tensors, out / WEIGHTS, _FORMAT)
    targets = sorted({name.removesuffix(".weight").rpartition(".")[2] for name in trained.updates})
    config = {
        "peft_type": "LORA",
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": targets,
        "bias": "none",
        "base_model_name_or_path": str(base.folder.resolve()),
    }
    with atomic_write(out / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _shards(base: VideoLLaMA2Checkpoint) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The base's files of weights one by one, under safetensors names, and an adapter's part merged in if it is one."""
    own = [file for file in base.files if file.parent == base.folder or file in base.audio_files]
    for number, file in enumerate(own, 1):
        as_it_is = file.suffix == ".safetensors" and not base.audio_files
        name = file.name if as_it_is else f"model-{number:05}-of-{len(own):05}.safetensors"
        tensors = read_tensors(file)
        if file in base.audio_files:
            tensors = _with_table_copies(separate_audio(tensors), base.config.audio.layers)
        yield name, {key: value for key, value in base.with_adapter(tensors).items() if isinstance(value, torch.Tensor)}


def _with_table_copies(tensors: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Audio tensors with BEATs' shared bias table for each layer; the trainer's own file has it once."""
    table = tensors.get(AUDIO_TOWER + BIAS.format(0))
    copies = {} if table is None else {AUDIO_TOWER + BIAS.format(layer): table for layer in range(layers)}
    return copies | dict(tensors)


def _state_audio(base: VideoLLaMA2Checkpoint, out: Path) -> None:
    """Say in config.json that there is sound, in the words that the original reads."""
    stated = base.settings | {
        "mm_audio_tower": base.audio_files[0].name,
        "mm_projector_a_type": "mlp2x_gelu",
        "mm_hidden_size_a": base.config.audio.width,
        "hidden_size_a": base.config.language.width,
    }
    with atomic_write(out / "config.json") as partial:
        partial.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def _copy_settings(folder: Path, out: Path) -> None:
    """Everything beside the weights: config.json, generation settings, the tokenizer."""
    for file in sorted(folder.iterdir()):
        if is_file(file) and not _WEIGHT_FILES.match(file.name) and file.suffix in _SETTINGS:
            with atomic_write(out / file.name) as partial:
                shutil.copyfile(file, partial)
