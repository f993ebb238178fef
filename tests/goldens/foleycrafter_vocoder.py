"""Golden: FoleyCrafter's HiFi-GAN vocoder against the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.bigvgan.weights import fold_weight_norm
from deepsound.models.foleycrafter.config import HiFiGanConfig
from deepsound.models.foleycrafter.vocoder import HiFiGan, sixteen_bit
from tests.goldens.networks import group, recorded, tolerance

NAMES = {"ups": "ups.", "resblock": "resblocks."}
# Truncation turns any difference near a whole number into one.
_ONE = 1.0


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    vocoder = HiFiGan(HiFiGanConfig.from_json(golden["config"])).eval()
    vocoder.load_state_dict(fold_weight_norm(group(tensors, "weights")), strict=True)
    expected = group(tensors, "outputs")
    modules = {_module(name): name for name in expected}
    with recorded(vocoder, modules) as inner:
        waveform = vocoder(group(tensors, "inputs")["mel"])
    samples = sixteen_bit(waveform[:, 0]).int()
    got = {modules[name]: output for name, output in inner.items()} | {"wave": waveform, "int16": samples}
    for name, output in expected.items():
        if name == "int16_cut":
            got[name] = samples[:, : output.shape[1]]
        yield name, got.get(name), output, tolerance(output) if output.is_floating_point() else _ONE


def _module(output: str) -> str:
    for short, module in NAMES.items():
        if output.startswith(short) and output[len(short) :].isdigit():
            return module + output[len(short) :]
    return output
