"""Golden: the STC connector v3.5 against the original."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.models.videollama2.config import ConnectorConfig
from deepsound.models.videollama2.connector import StcConnector
from tests.goldens.beats import ABSOLUTE
from tests.goldens.networks import group, recorded

SAMPLER = "sampler.0"


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    config = golden["config"]
    connector = StcConnector(
        ConnectorConfig(
            vision_width=config["mm_hidden_size"],
            width=config["hidden_size"],
            depth=config["depth"],
            mlp_depth=config["mlp_depth"],
            downsample=tuple(config["downsample"]),
        )
    ).eval()
    connector.load_state_dict(group(tensors, "weights"), strict=True)
    expected = group(tensors, "outputs")
    seams = {name.split(".", 1)[1] for name in expected if name.startswith("case")} | {SAMPLER}
    got: dict[str, torch.Tensor] = {}
    for name, features in group(tensors, "inputs").items():
        number = name.removeprefix("x")
        with recorded(connector, seams) as inner:
            got[f"y{number}"] = connector(features)
        inner["sampler.conv"] = inner.pop(SAMPLER)
        got |= {f"case{number}.{seam}": output for seam, output in inner.items()}
    for name, output in expected.items():
        yield name, got.get(name), output, ABSOLUTE
