"""What every network's golden needs: its stored weights, its inner outputs, its tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

# float32 sums in another order differ by up to about 3e-6 of a tensor's maximum.
ARITHMETIC = 3e-6
RELATIVE = 1e-5


def group(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors under `prefix` ("weights", "inputs", "outputs"), named without it."""
    return {
        name.removeprefix(f"{prefix}/"): torch.from_numpy(tensor)
        for name, tensor in tensors.items()
        if name.startswith(f"{prefix}/")
    }


def tolerance(expected: torch.Tensor) -> float:
    return RELATIVE * float(expected.abs().max())


@contextmanager
def recorded(module: nn.Module, names: Iterable[str]) -> Iterator[dict[str, torch.Tensor]]:
    """Outputs of the submodules called `names`, filled in as `module` runs; a name it lacks stays absent.

    Of a submodule that returns several, the first: layers of older transformers do.
    """
    outputs: dict[str, torch.Tensor] = {}
    submodules = dict(module.named_modules())

    def keep(name: str):
        def hook(_module, _inputs, output):
            outputs[name] = (output[0] if isinstance(output, tuple) else output).detach().clone()

        return hook

    hooks = [submodules[name].register_forward_hook(keep(name)) for name in names if name in submodules]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
