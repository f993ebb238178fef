"""The aligner's networks by role, each with its files; gradients pass through all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from deepsound.runtime.components import Components, Stage
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress


@dataclass(frozen=True)
class NetworkSource:
    """Where a network comes from: `files`, what builds it in a dtype, and the bytes it works in beside its weights.

    With `in_float32` it is computed in full whatever the precision: in 16 bits, small gradients lose their sign.
    """

    files: tuple[Path, ...]
    build: Callable[[torch.dtype], nn.Module]
    working_bytes: int
    in_float32: bool = False


class AlignedComponents(Components):
    """The networks of `sources` on one device.

    With `recompute`, or `execution.offload`, activations are computed again for the gradient (checkpointing) and not
    kept: a third more work for the memory of the largest part alone.
    """

    differentiable: ClassVar[bool] = True

    def __init__(self, execution: Execution, sources: Mapping[str, NetworkSource], recompute: bool = False) -> None:
        super().__init__(execution)
        self.recompute = recompute or execution.offload
        self.sources = sources
        self.working_bytes = {role: source.working_bytes for role, source in sources.items()}

    def dtype_of(self, role: str) -> torch.dtype:
        return torch.float32 if self.sources[role].in_float32 else self.dtype

    def key(self, role: str) -> NetworkKey:
        return NetworkKey.of(f"seeing_hearing {role}", self.dtype_of(role), *self.sources[role].files)

    def builder(self, role: str) -> Callable[[], nn.Module]:
        return partial(self.sources[role].build, self.dtype_of(role))

    def stage(self, progress: Progress) -> AlignedStage:
        """A context whose networks are released when it ends."""
        return AlignedStage(self, progress)


class AlignedStage(Stage[AlignedComponents]):
    """The networks within one stage, by role."""

    def run(self, part: Callable[..., Any], *inputs: Any) -> Any:
        """`part(*inputs)`, whose activations are kept for the gradient or computed again, as the settings say."""
        if not (self.components.recompute and torch.is_grad_enabled()):
            return part(*inputs)
        from torch.utils.checkpoint import checkpoint

        return checkpoint(part, *inputs, use_reentrant=False)
