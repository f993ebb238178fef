"""Small separators as real files, their settings beside them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepsound.models.roformer.config import BSRoformerConfig, MelBandRoformerConfig
from deepsound.models.roformer.weights import network

SMALL = BSRoformerConfig(
    dim=8,
    depth=1,
    dim_head=4,
    heads=2,
    stft_n_fft=512,
    stft_hop_length=128,
    stft_win_length=512,
    freqs_per_bands=(7, 50, 200),
)
SMALL_MEL = MelBandRoformerConfig(
    dim=8, depth=1, dim_head=4, heads=2, stft_n_fft=512, stft_hop_length=128, stft_win_length=512, num_bands=6
)


def tensors_of(config: BSRoformerConfig | MelBandRoformerConfig) -> dict[str, Tensor]:
    """Seeded tensors by the published names."""
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.rand(tensor.shape, generator=generator)
        if name.endswith("freqs")
        else 0.4 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in network(config).state_dict().items()
    }


def write(path: Path, config: BSRoformerConfig | MelBandRoformerConfig = SMALL, chunk: int = 22_050) -> Path:
    """A file of a small separator in the format its suffix names; `chunk` in samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(tensors_of(config), path)
    else:
        torch.save(tensors_of(config), path)
    settings = {
        "model": asdict(config),
        "audio": {"chunk_size": chunk, "sample_rate": 44100},
        "inference": {"num_overlap": 2, "batch_size": 4},
    }
    path.with_suffix(".json").write_text(json.dumps(settings))
    return path
