"""Tensor names of diffusers' autoencoders, today's and older ones."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

# What diffusers called the parts of an autoencoder's attention before 0.18.
_OLDER_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def autoencoder_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An autoencoder's tensors under the names of today's diffusers, whichever it was saved with."""
    return {_rename_key(name): tensor for name, tensor in state.items()}


def _rename_key(name: str) -> str:
    before, attention, part = name.partition(".mid_block.attentions.")
    if not attention:
        return name
    number, _, layer = part.partition(".")
    older, _, kind = layer.rpartition(".")
    return f"{before}{attention}{number}.{_OLDER_ATTENTION.get(older, older)}.{kind}"
