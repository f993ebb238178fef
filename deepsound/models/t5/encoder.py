"""T5's text encoder: transformers' network, with the keys and sizes of published folders."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

_SHARED = "shared.weight"
_EMBEDDING = "encoder.embed_tokens.weight"


class T5TextEncoder(nn.Module):
    """T5EncoderModel of transformers; `forward` takes token ids [B, length] and gives states [B, length, width]."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__()
        # Modules make tensors when they are imported, and networks are built on the meta device.
        with torch.device("cpu"):
            transformers: Any = import_module("transformers")
            config = transformers.T5Config(**_plain(settings))
            network = transformers.T5EncoderModel
        self.model = network(config)

    @property
    def width(self) -> int:
        return int(self.model.config.d_model)

    def forward(self, ids: Tensor) -> Tensor:
        states: Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return states


def state_dict(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that `T5TextEncoder.load_state_dict` takes; a decoder and a language head are left out.

    Raises ValueError if these are not the weights of a T5.
    """
    shared = published.get(_SHARED, published.get(_EMBEDDING))
    if shared is None:
        raise ValueError("these are not the weights of a T5: shared.weight is missing")
    encoder = {name: tensor for name, tensor in published.items() if name.startswith("encoder.")}
    return {f"model.{name}": tensor for name, tensor in {**encoder, _SHARED: shared, _EMBEDDING: shared}.items()}


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are sizes and switches; names of classes and of code to be run have no effect."""
    left_out = ("architectures", "auto_map", "model_type", "_name_or_path", "transformers_version", "torch_dtype")
    if settings.get("model_type") != "t5":
        raise ValueError(f"expected the settings of a T5, got model_type {settings.get('model_type')!r}")
    return {name: value for name, value in settings.items() if name not in left_out}
