"""DTLN with the package's weights against an ONNX runtime with the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.separate import dtln

# Of a largest value of 0.1: what another order of additions makes of two recurrent networks (measured: 1e-7).
SAMPLES = 5e-6


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    with torch.inference_mode():
        voice = dtln.load_dtln()(torch.from_numpy(tensors["inputs/sound"])[None])[0]
    yield "voice", voice, tensors["outputs/voice"], SAMPLES
