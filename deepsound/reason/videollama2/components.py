"""VideoLLaMA2's components by role: encoders and language model, int8 or nf4 if chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import cast

import torch
from torch import nn

from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.reason.videollama2.quantization import Bits, quantise
from deepsound.runtime.components import Components
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import NetworkKey


class VideoLLaMA2Components(Components):
    """The roles `language`, `vision` and `audio` of one checkpoint; the audio tower is always float32."""

    # Estimates for 16 bit, rounded up.
    working_bytes = MappingProxyType({"language": 2 << 30, "vision": 1 << 30, "audio": 1 << 29})

    def __init__(self, checkpoint: VideoLLaMA2Checkpoint, execution: Execution) -> None:
        self.checkpoint = checkpoint
        bits = execution.precision
        self._bits: Bits | None = bits if bits in ("int8", "nf4") else None
        super().__init__(execution if self._bits is None else replace(execution, precision="auto"))
        if self._bits is not None and self.dtype is torch.float32:
            self.dtype = torch.bfloat16

    def key(self, role: str) -> NetworkKey:
        precision = self._bits if role == "language" and self._bits else self.dtype_of(role)
        return NetworkKey.of(f"videollama2 {role}", precision, *self.checkpoint.files)

    def dtype_of(self, role: str) -> torch.dtype:
        """Sound is encoded in float32: the tower is small, and bfloat16 would cost it more than its input lost."""
        return torch.float32 if role == "audio" else self.dtype

    def builder(self, role: str) -> Callable[[], nn.Module]:
        load = {"language": self.checkpoint.language, "vision": self.checkpoint.vision, "audio": self.checkpoint.audio}
        build = cast(Callable[[], nn.Module], partial(load[role], self.dtype_of(role)))
        if role != "language" or self._bits is None:
            return build
        bits = self._bits
        return lambda: quantise(cast(LanguageModel, build()), bits, self.device)
