"""Golden: BigVGAN vocoders against the originals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.bigvgan import snake_rows
from deepsound.models.bigvgan.activations import AntiAliasedSnake
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
        with recorded(vocoder, expected) as inner:
            audio = vocoder(group(tensors, "inputs")["mel"])
        activation = vocoder.get_submodule(TAKEN_APART)
        inner |= _taken_apart(activation, inner["ups.0.0"]) | _alone(activation, expected)
        # The original is channel-first.
        got = {name: output.transpose(1, 2) for name, output in inner.items()} | {"audio": audio}
    got |= {
        name: vocoder.get_submodule(name.removeprefix(WEIGHT)).weight.detach()
        for name in expected
        if name.startswith(WEIGHT)
    }
    for name, output in expected.items():
        yield name, got.get(name), output, tolerance(output)


def _taken_apart(activation: AntiAliasedSnake, x: torch.Tensor) -> dict[str, torch.Tensor]:
    upsampling_taps, length = snake_rows.upsampling_matrix(activation.upsampling_taps()), x.shape[1]
    rows = -(-length // snake_rows.TILE) * snake_rows.TILE
    doubled = torch.stack([snake_rows.upsample_2x(entry, upsampling_taps, 0, rows)[: 2 * length] for entry in x])
    return {
        f"{TAKEN_APART}.upsample": doubled.clone(),
        f"{TAKEN_APART}.act": snake_rows.snake(doubled, *activation.act.coefficients()),
    }


def _alone(activation: AntiAliasedSnake, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """The activation's output for noise of the length that the name says, seeded with that length."""
    lengths = [int(name.removeprefix(ALONE)) for name in names if name.startswith(ALONE)]
    channels = len(activation.act.alpha)
    return {f"{ALONE}{length}": activation(_noise(channels, length).transpose(1, 2)) for length in lengths}


def _noise(channels: int, length: int) -> torch.Tensor:
    return torch.randn(1, channels, length, generator=torch.Generator().manual_seed(length))
