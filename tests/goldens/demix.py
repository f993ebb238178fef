"""Chunked separation against the original's, sample by sample: a formula in the network's place, and a real one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.separate.buffers import blocks, resampled
from deepsound.separate.channels import hearings
from deepsound.separate.chunking import ramp
from deepsound.separate.demix import DemixSettings, demix, normalisation
from tests.goldens import roformer
from tests.goldens.networks import group, tolerance

Row = tuple[str, Any, Any, float]


def compare_standin(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    mix, expected = group(tensors, "inputs")["mix"], group(tensors, "outputs")
    got: dict[str, Any] = {}
    for case in golden["cases"]:
        got[case["name"]] = demix(mix[:, : case["length"]], _standin, _settings(case))
    samples = _length(expected)
    got |= _augmented(mix[:, :samples])
    got |= {name: _window(name) for name in expected if name.startswith("window_")}
    for name, tensor in expected.items():
        yield name, got.get(name), tensor, tolerance(tensor)


def compare_network(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    model = roformer.load(golden, tensors)
    mix, expected = group(tensors, "inputs")["mix"], group(tensors, "outputs")

    @torch.no_grad()
    def voice_of(chunks: Tensor) -> Tensor:
        return model(chunks)[:, 0]

    got = {}
    for case in golden["cases"]:
        stem = demix(mix[:, : case["length"]], voice_of, _settings(case))
        got[f"vocals_b{case['batch_size']}_n{case['length']}"] = stem
    mono = mix[:1, : expected["mono_in_vocals"].shape[1]]
    heard = hearings(channels=1, network_channels=2)[0].heard(mono)
    got["mono_in_vocals"] = demix(heard, voice_of, _settings(golden["cases"][0]))
    got["mono_in_instrumental"] = heard - got["mono_in_vocals"]
    for name, tensor in expected.items():
        yield name, got.get(name), tensor, tolerance(tensor)


def compare_resampling(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    wave, expected = group(tensors, "inputs")["wave16k"], group(tensors, "outputs")["wave44k"]
    parts = list(resampled(blocks(wave[None]), 16000, 44100, -(-len(wave) * 44100 // 16000)))
    yield "wave44k", torch.cat(parts, dim=1)[0], expected, tolerance(expected)


def _settings(case: dict[str, Any], augment: bool = False) -> DemixSettings:
    return DemixSettings(
        chunk=case["chunk_size"],
        overlap=0,
        overlaps=case["num_overlap"],
        batch=case["batch_size"],
        mode="published",
        augment=augment,
        shortest=1,
    )


def _standin(chunks: Tensor) -> Tensor:
    time = torch.arange(chunks.shape[-1])
    sway = 0.6 + 0.4 * torch.cos(2 * math.pi * time / 97)
    return chunks * sway + 0.1 * chunks.flip(1) + 0.05 * chunks.mean(-1, keepdim=True) + 0.03 * chunks**2


def _length(expected: dict[str, Tensor]) -> int:
    return expected["tta_vocals"].shape[1]


def _augmented(mix: Tensor) -> dict[str, Any]:
    """What the file's other outputs are made with: chunks of 1000, two overlaps, batches of four."""
    case = {"chunk_size": 1000, "num_overlap": 2, "batch_size": 4}
    mean, deviation = normalisation(mix)
    return {
        "tta_vocals": demix(mix, _standin, _settings(case, augment=True)),
        "instrumental_no_tta": mix - demix(mix, _standin, _settings(case)),
        "norm_mean_std": torch.tensor([mean, deviation]),
        "normalized": (mix - mean) / deviation,
    }


def _window(name: str) -> Tensor:
    """A chunk's window by its stored name, window_LENGTH_fadeFADE."""
    length, fade = (int(part) for part in name.removeprefix("window_").split("_fade"))
    return torch.cat((ramp(fade, False), torch.ones(length - 2 * fade), ramp(fade, False).flip(0)))
