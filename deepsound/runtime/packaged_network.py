"""Loading of the small networks whose weights are in the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)


def load_packaged(kind: Callable[[], Network], path: Path) -> Network:
    """The network that `kind` makes, with its float16 weights of the package as float32, ready to run."""
    import torch
    from safetensors.torch import load_file

    # The first values, which the weights replace, are not to be drawn from the host's random numbers.
    with torch.random.fork_rng(devices=[]):
        network = kind().eval().requires_grad_(False)
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return network
