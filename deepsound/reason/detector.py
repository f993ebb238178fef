"""Shared parts of BlazeFace and BlazePose: loading, and the confirming pass on crops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from deepsound.reason.letterbox import letterbox
from deepsound.runtime.packaged_network import load_packaged

if TYPE_CHECKING:
    import torch
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)


def load_detector(kind: Callable[[], Network], path: Path) -> Network:
    """The network that `kind` makes, with its weights of the package, laid out for fast convolutions."""
    import torch

    return load_packaged(kind, path).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def is_seen_in_every(network: nn.Module, parts: Sequence[torch.Tensor | None], size: int, least: float) -> bool:
    """Whether the best score in every part of a picture is at least `least`; never where a part is missing (None)."""
    import torch

    looks = [letterbox(part, size).square for part in parts if part is not None]
    if len(looks) < len(parts):
        return False
    with torch.inference_mode():
        scores, _ = network(torch.stack(looks))
    return bool((scores.sigmoid().amax(dim=(1, 2)) >= least).all())
