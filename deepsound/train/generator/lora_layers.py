"""LoRA on MMAudio's flow network (arXiv 2106.09685), as parametrizations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from deepsound.models.mmaudio.model import MMAudio
from deepsound.weights.lora import LoraUpdate

_BLOCKS = ("joint_blocks.", "fused_blocks.")
# The network holds the two published maps of a gated MLP as one.
_TOGETHER, _PUBLISHED = ".w13.weight", (".w1.weight", ".w3.weight")


class LowRankUpdate(nn.Module):
    """`weight` plus alpha / rank times `up` [out, rank] after `down` [rank, in * taps]; zero to begin with."""

    def __init__(self, weight: Tensor, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        inner = weight[0].numel()
        self.scale = alpha / rank
        bound = 1 / math.sqrt(inner)
        drawn = torch.rand(rank, inner, generator=generator) * 2 * bound - bound
        self.down = nn.Parameter(drawn.to(weight.device))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.scale * self.up @ self.down).view(weight.shape)


def add_lora(network: MMAudio, rank: int, alpha: float, seed: int) -> None:
    """Put an update on every linear map and convolution of the network's blocks; nothing else learns any more."""
    network.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for _, module in _targets(network):
        update = LowRankUpdate(module.weight.detach(), rank, alpha, generator)
        parametrize.register_parametrization(module, "weight", update)


def lora_updates(network: MMAudio, trained: dict[str, Tensor]) -> dict[str, LoraUpdate]:
    """The updates by published weight names; `trained` are the values of the network's trained parameters.

    The network orders and joins rows of some published weights; `up` has the same rows, so that a network which holds
    it in the weights' place saves it as published.
    """
    holder = MMAudio(network.config)
    downs: dict[str, tuple[Tensor, float]] = {}
    for name, module in _targets(network):
        scale = cast(LowRankUpdate, cast(Any, module).parametrizations.weight[0]).scale
        up, down = (trained[f"{name}.parametrizations.weight.0.{side}"].detach().cpu() for side in ("up", "down"))
        held = cast(Any, holder.get_submodule(name))
        held.weight.data = up[:, :, None] if isinstance(module, nn.Conv1d) else up
        downs[f"{name}.weight"] = (down.view(-1, *module.weight.shape[1:]), scale)
    state = holder.state_dict()
    found = {}
    for name, (down, scale) in downs.items():
        for published in [name] if name in state else [name.replace(_TOGETHER, other) for other in _PUBLISHED]:
            found[published] = LoraUpdate(down.contiguous(), state[published].contiguous(), scale)
    return found


def _targets(network: MMAudio) -> Iterator[tuple[str, nn.Linear | nn.Conv1d]]:
    for name, module in network.named_modules():
        if name.startswith(_BLOCKS) and isinstance(module, (nn.Linear, nn.Conv1d)):
            yield name, module
