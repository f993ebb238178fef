"""The network of a multimodal model on its device, in 32, 16, 8 or 4 bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from deepsound.reason.omni.checkpoint import OmniCheckpoint, transformers
from deepsound.runtime.components import Components
from deepsound.runtime.execution import QUANTISED, Execution
from deepsound.runtime.model_cache import NetworkKey
from deepsound.runtime.packages import missing_package


class NetworkHolder(nn.Module):
    """A module that holds a model of transformers, whose own `device` cannot be set as a host wants to."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model


class OmniComponents(Components):
    """One role, `omni`: the whole network of one checkpoint."""

    # An estimate for 8 pictures and 16 s of sound.
    working_bytes = MappingProxyType({"omni": 3 << 30})

    def __init__(self, checkpoint: OmniCheckpoint, execution: Execution) -> None:
        self.checkpoint = checkpoint
        self.bits = execution.precision if execution.precision in QUANTISED else ""
        super().__init__(replace(execution, precision="auto") if self.bits else execution)
        if self.bits:
            _require_quantisation()
            self.dtype = torch.bfloat16 if self.dtype is torch.float32 else self.dtype

    def key(self, role: str) -> NetworkKey:
        return NetworkKey.of(role, self.bits or self.dtype, *self.checkpoint.files)

    def builder(self, role: str) -> Callable[[], nn.Module]:
        return lambda: NetworkHolder(self.checkpoint.network(self.dtype, self._quantisation()))

    def _quantisation(self) -> dict[str, Any]:
        if not self.bits:
            return {}
        config = transformers().BitsAndBytesConfig(
            load_in_8bit=self.bits == "int8",
            load_in_4bit=self.bits == "nf4",
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=self.dtype,
        )
        return {"quantization_config": config, "device_map": {"": str(self.device)}}


def _require_quantisation() -> None:
    missing = [name for name in ("accelerate", "bitsandbytes") if find_spec(name) is None]
    if missing:
        raise missing_package(
            f"8 and 4 bit need {' and '.join(missing)}, which cannot be used here",
            *missing,
            otherwise="choose precision bf16 or fp16",
        )
