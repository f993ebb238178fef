"""The vocoders against the originals: waveform, stages, an activation taken apart, and folded weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.bigvgan.activations import AntiAliasedSnake, Phases, snake, upsample
from deepsound.models.bigvgan.config import BigVganConfig
from deepsound.models.bigvgan.model import BigVgan
from deepsound.models.bigvgan.weights import fold_weight_norm
from tests.goldens.networks import group, recorded, tolerance

WEIGHT = "used_weight."
ALONE = "activation0_len"
TAKEN_APART = "resblocks.0.activations.0"


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    vocoder = BigVgan(BigVganConfig.from_json(golden["config"])).eval()
    vocoder.load_state_dict(fold_weight_norm(group(tensors, "weights")), strict=True)
    expected = group(tensors, "outputs")
    with torch.no_grad():
        with recorded(vocoder, expected) as got:
            got["audio"] = vocoder(group(tensors, "inputs")["mel"])
        activation = vocoder.get_submodule(TAKEN_APART)
        got |= _taken_apart(activation, got["ups.0.0"]) | _alone(activation, expected)
    got |= {name: vocoder.get_submodule(name.removeprefix(WEIGHT)).weight.detach()
            for name in expected if name.startswith(WEIGHT)}
    for name, output in expected.items():
        yield name, got.get(name), output, tolerance(output)


def _taken_apart(activation: AntiAliasedSnake, x: torch.Tensor) -> dict[str, torch.Tensor]:
    phases = upsample(x, activation.upsample.filter)
    activated = Phases(*(snake(phase, *activation.act.coefficients()) for phase in phases))
    return {f"{TAKEN_APART}.upsample": _interleaved(phases), f"{TAKEN_APART}.act": _interleaved(activated)}


def _interleaved(phases: Phases) -> torch.Tensor:
    return torch.stack(phases, dim=-1).flatten(-2)


def _alone(activation: AntiAliasedSnake, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """The activation's output for noise of the length that the name says, seeded with that length."""
    lengths = [int(name.removeprefix(ALONE)) for name in names if name.startswith(ALONE)]
    channels = len(activation.act.alpha)
    return {f"{ALONE}{length}": activation(torch.randn(1, channels, length,
                                                       generator=torch.Generator().manual_seed(length)))
            for length in lengths}
