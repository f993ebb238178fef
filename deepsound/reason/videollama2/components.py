"""When each of VideoLLaMA2's networks is in memory: encoders while they encode, the language model while it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import nn

from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.checkpoint import Checkpoint
from deepsound.reason.videollama2.quantization import Bits, quantise
from deepsound.runtime.execution import Execution, torch_device, torch_dtype
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.progress import Progress
from deepsound.runtime.running import running

Role = Literal["language", "vision", "audio"]

# Bytes beside the weights while a network works, for a host that makes room: estimates for 16 bit, rounded up.
_WORKING_BYTES: dict[Role, int] = {"language": 2 << 30, "vision": 1 << 30, "audio": 1 << 29}


class Networks:
    """A checkpoint's networks on one device in one precision, read from their files when they are used."""

    def __init__(self, checkpoint: Checkpoint, execution: Execution) -> None:
        self.checkpoint = checkpoint
        self.device = torch_device(execution)
        self.offload = execution.offload
        self._bits: Bits | None = execution.precision if execution.precision in ("int8", "nf4") else None
        self.dtype = self._floating(execution)

    @contextmanager
    def use(self, role: Role, progress: Progress) -> Iterator[Any]:
        """The network of that role, on the device; in host memory a long pass can be stopped in its middle."""
        with (
            torch.inference_mode(),
            running(
                self.key(role),
                self._builder(role),
                self.device,
                progress,
                working_bytes=_WORKING_BYTES[role],
                offload=self.offload,
            ) as network,
        ):
            yield network

    def key(self, role: Role) -> NetworkKey:
        """What identifies a network in memory, and what it makes among the kept features."""
        precision = self._bits if role == "language" and self._bits else self.dtype_of(role)
        return NetworkKey.of(f"videollama2 {role}", precision, *self.checkpoint.files)

    def dtype_of(self, role: Role) -> torch.dtype:
        """Sound is encoded in float32: the tower is small, and bfloat16 would cost it more than its input lost."""
        return torch.float32 if role == "audio" else self.dtype

    def _floating(self, execution: Execution) -> torch.dtype:
        if self._bits is None:
            return torch_dtype(execution, self.device)
        in_full = torch_dtype(replace(execution, precision="auto"), self.device)
        return torch.bfloat16 if in_full is torch.float32 else in_full

    def _builder(self, role: Role) -> Callable[[], nn.Module]:
        load = {"language": self.checkpoint.language, "vision": self.checkpoint.vision, "audio": self.checkpoint.audio}
        build = cast(Callable[[], nn.Module], partial(load[role], self.dtype_of(role)))
        if role != "language" or self._bits is None:
            return build
        bits = self._bits
        return lambda: quantise(cast(LanguageModel, build()), bits, self.device)
