"""Golden: FoleyCrafter's onset detector against the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.foleycrafter.config import OnsetConfig
from deepsound.models.foleycrafter.onset import OnsetDetector
from deepsound.models.foleycrafter.weights import onset_config_of, strip_module_prefix
from tests.goldens.networks import group, recorded, tolerance

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
_BITS = np.uint64(33)


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    detector = load(golden, tensors)
    frames, expected = group(tensors, "inputs")["frames"], group(tensors, "outputs")
    with recorded(detector, [f"net.model.{stage}" for stage in STAGES]) as inner:
        logits = detector(frames)
    got = {name.removeprefix("net.model."): output for name, output in inner.items()}
    got |= {"logits": logits, "prob": logits.sigmoid(), "pooled": detector.pooled(frames)}
    for name, output in expected.items():
        mine = got.get(name)
        if mine is not None and mine.dim() == output.dim() + 2:
            mine = mine.mean(dim=(-2, -1))
        yield name, mine, output, tolerance(output)


def load(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> OnsetDetector:
    if "weights_rule" in golden:
        detector = OnsetDetector(_configured(golden["config"]) if "config" in golden else OnsetConfig())
        state = by_formula(detector.state_dict(), golden["seed"])
    else:
        state = strip_module_prefix(group(tensors, "weights"))
        detector = OnsetDetector(_stated(golden["config"], onset_config_of(state)))
    detector.load_state_dict(state, strict=True)
    return detector.eval()


def by_formula(state: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Weights as the golden's `weights_rule` puts it in words: a hash of each number's place, by kind of tensor."""
    return {key: _tensor(key, state[key], rank, seed) for rank, key in enumerate(sorted(state))}


def _tensor(key: str, like: torch.Tensor, rank: int, seed: int) -> torch.Tensor:
    if not like.is_floating_point():
        return torch.full_like(like, 7)
    z = _hashed(rank, like.numel(), seed) * 1.7320508
    if key.endswith("running_var"):
        values = 1 + 0.3 * np.abs(z)
    elif key.endswith("running_mean"):
        values = 0.1 * z
    elif key.endswith("bias"):
        values = 0.05 * z
    elif like.dim() == 1:
        values = 1 + 0.1 * z
    else:
        values = np.sqrt(2 / (like.numel() // like.shape[0])) * z
    return torch.from_numpy(values.astype(np.float32)).reshape(like.shape)


def _hashed(rank: int, count: int, seed: int) -> np.ndarray:
    wrap = 2**64
    offset = np.uint64((rank * 1442695040888963407 + seed) % wrap)
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint64) * np.uint64(6364136223846793005) + offset
        x ^= x >> _BITS
        x *= np.uint64(0xFF51AFD7ED558CCD)
        x ^= x >> _BITS
    return (x >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def _configured(config: dict[str, Any]) -> OnsetConfig:
    return OnsetConfig(
        tuple(config["stage_widths"]),
        config["stem_mid"],
        config["head"][1],
        config["blocks_per_stage"],
        config.get("bn_eps", OnsetConfig.bn_eps),
    )


def _stated(config: dict[str, Any], told: OnsetConfig) -> OnsetConfig:
    """The configuration the JSON states, which is to be what the tensors tell."""
    stated = _configured(config)
    assert (stated.stage_widths, stated.stem_mid, stated.head_width, stated.blocks_per_stage) == (
        told.stage_widths,
        told.stem_mid,
        told.head_width,
        told.blocks_per_stage,
    ), (stated, told)
    return stated
