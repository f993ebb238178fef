"""Golden: chunked overlap-add separation against the original's, sample by sample."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.separate.buffers import blocks, resample_stream
from deepsound.separate.channels import channel_passes
from deepsound.separate.chunking import fade_ramp
from deepsound.separate.demix import DemixSettings, demix, normalisation
from tests.goldens import roformer
from tests.goldens.networks import group, tolerance

Row = tuple[str, Any, Any, float]


def compare_standin(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    mix, expected = group(tensors, "inputs")["mix"], group(tensors, "outputs")
    got: dict[str, Any] = {}
    for case in golden["cases"]:
        got[case["name"]] = demix(mix[:, : case["length"]], _standin, _settings(case))
    got |= _augmented(mix, expected, _described(golden, "tta_vocals", "instrumental_no_tta"))
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
    if "mono_in_vocals" in expected:
        mono = mix[:1, : expected["mono_in_vocals"].shape[1]]
        heard = channel_passes(channels=1, network_channels=2)[0].downmix(mono)
        got["mono_in_vocals"] = demix(heard, voice_of, _settings(_described(golden, "mono_in_vocals")))
        got["mono_in_instrumental"] = heard - got["mono_in_vocals"]
    for name, tensor in expected.items():
        yield name, got.get(name), tensor, tolerance(tensor)


def compare_resampling(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    wave, expected = group(tensors, "inputs")["wave16k"], group(tensors, "outputs")["wave44k"]
    parts = list(resample_stream(blocks(wave[None]), 16000, 44100, -(-len(wave) * 44100 // 16000)))
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


_SETTINGS = {
    "chunk_size": r"chunks?(?: of)? (\d+)",
    "num_overlap": r"overlaps? (\d+)",
    "batch_size": r"batch(?: of)? (\d+)",
}


def _described(golden: dict[str, Any], *outputs: str) -> dict[str, Any]:
    """The settings an output was made with: what its description says, for the rest those of the first case."""
    words = " ".join(str(golden.get("descriptions", {}).get(f"outputs/{name}", "")) for name in outputs)
    stated = {name: re.search(pattern, words) for name, pattern in _SETTINGS.items()}
    return {**golden["cases"][0], **{name: int(found.group(1)) for name, found in stated.items() if found}}


def _augmented(mix: Tensor, expected: dict[str, Tensor], case: dict[str, Any]) -> dict[str, Any]:
    """The outputs beside the cases: test-time augmentation, the background, the normalised mix."""

    def cut(name: str) -> Tensor:
        return mix[:, : expected[name].shape[1]]

    got: dict[str, Any] = {}
    if "tta_vocals" in expected:
        got["tta_vocals"] = demix(cut("tta_vocals"), _standin, _settings(case, augment=True))
    if "instrumental_no_tta" in expected:
        heard = cut("instrumental_no_tta")
        got["instrumental_no_tta"] = heard - demix(heard, _standin, _settings(case))
    if "normalized" in expected:
        heard = cut("normalized")
        mean, deviation = normalisation(heard)
        got |= {"norm_mean_std": torch.tensor([mean, deviation]), "normalized": (heard - mean) / deviation}
    return got


def _window(name: str) -> Tensor:
    """A chunk's window by its stored name, window_LENGTH_fadeFADE."""
    length, fade = (int(part) for part in name.removeprefix("window_").split("_fade"))
    return torch.cat((fade_ramp(fade, False), torch.ones(length - 2 * fade), fade_ramp(fade, False).flip(0)))
